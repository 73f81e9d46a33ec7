"""Words: counting, searching, wrapping."""

import collections
import re
import textwrap

SYLLABLES = ["ka", "lo", "mi", "ne", "ru", "sa", "to", "vi"]

words = []
for number in range(1500):
    first, second, third = number % 8, (number * 5 + 3) % 8, (number * number) % 8
    words.append(SYLLABLES[first] + SYLLABLES[second] + ("" if number % 3 else SYLLABLES[third]))
text = " ".join(words)
counted = collections.Counter(words)
print(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:5])
print(len(re.findall(r"\bka\w*to\b", text)), re.sub(r"(\w)\w+(\w)", r"\2\1", text)[:40])
print(textwrap.fill(text[:300], 40))
print(text.encode("utf-8").hex()[:32], "Straße".upper(), "ﬁn".casefold())
