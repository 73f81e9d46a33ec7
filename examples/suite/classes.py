"""Classes, generators and recursion: a small machine that evaluates expressions."""

import functools
import itertools


class Machine:
    def __init__(self):
        self.stack = []
        self.steps = 0

    def perform(self, words):
        for word in words:
            self.steps += 1
            if word in ("+", "-", "*"):
                right, left = self.stack.pop(), self.stack.pop()
                value = {"+": left + right, "-": left - right, "*": left * right}
                self.stack.append(value[word])
            else:
                self.stack.append(int(word))
        return self.stack[-1]


def collatz(number):
    while number != 1:
        yield number
        number = number // 2 if number % 2 == 0 else 3 * number + 1


@functools.lru_cache(maxsize=None)
def partitions(total, largest):
    if total == 0:
        return 1
    return sum(partitions(total - part, part) for part in range(1, min(total, largest) + 1))


machine = Machine()
results = [machine.perform("2 3 + 4 * 7 -".split()) for _ in range(50)]
print(results[0], machine.steps, len(machine.stack))
print(max(range(1, 300), key=lambda number: len(list(collatz(number)))))
print(partitions(40, 40), list(itertools.islice(itertools.permutations("abc"), 4)))
