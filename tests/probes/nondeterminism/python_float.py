"""Floating point: sums, functions, printing, statistics."""

import decimal
import math
import random
import statistics

random.seed(3)
values = [random.gauss(0, 1) for _ in range(1000)]
print(sum(values), math.fsum(values), statistics.stdev(values), statistics.quantiles(values))
print(math.sin(1e22), math.gamma(7.3), math.exp(1.1), math.pow(1.7, 3.3), 0.1 + 0.2, 1e23)
print(decimal.Decimal(2).sqrt(), float("nan"), -0.0, complex(1, -2) ** 0.5)
