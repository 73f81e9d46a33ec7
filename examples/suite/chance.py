"""Random numbers: estimates, shuffles, distributions."""

import random
import statistics

inside = sum(random.random() ** 2 + random.random() ** 2 <= 1 for _ in range(4000))
print(inside, 4 * inside / 4000)
drawn = [random.gauss(100, 15) for _ in range(500)]
print(statistics.mean(drawn), statistics.stdev(drawn), statistics.median(drawn))
cards = list(range(52))
random.shuffle(cards)
print(cards[:10], random.choice("abcdef"), random.sample(cards, 4))
