"""Whole numbers and floats: primes, a determinant, a series, a fractal."""

import math


def primes(below):
    sieve = [True] * below
    for number in range(2, math.isqrt(below) + 1):
        if sieve[number]:
            for multiple in range(number * number, below, number):
                sieve[multiple] = False
    return [number for number in range(2, below) if sieve[number]]


def determinant(rows):
    rows = [list(row) for row in rows]
    result = 1.0
    for column in range(len(rows)):
        pivot = max(range(column, len(rows)), key=lambda each: abs(rows[each][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        result = result * rows[column][column] * (1 if pivot == column else -1)
        for below in range(column + 1, len(rows)):
            factor = rows[below][column] / rows[column][column]
            rows[below] = [x - factor * y for x, y in zip(rows[below], rows[column])]
    return result


found = primes(4000)
print(len(found), found[-1], sum(found))
print(determinant([[math.sin(row * 7 + column) for column in range(7)] for row in range(7)]))
print(math.fsum(1 / number**2 for number in range(1, 2000)), math.pi**2 / 6)
point, steps = 0j, 0
while abs(point) < 2 and steps < 500:
    point, steps = point * point + (-0.75 + 0.05j), steps + 1
print(steps, point)
