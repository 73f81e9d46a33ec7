"""numpy: generators, products that BLAS may split, floats as text. Ends with 69 where it is absent."""

import sys

try:
    import numpy
except ImportError:
    print("numpy is not in this interpreter")
    sys.exit(69)

chance = numpy.random.default_rng()
matrix = chance.standard_normal((60, 60))
product = matrix @ matrix.T
print(product.sum(), numpy.linalg.det(product[:5, :5]), numpy.linalg.eigvalsh(product)[-1])
print(numpy.random.rand(3), chance.integers(0, 100, 8), chance.permutation(6))
print(numpy.sort(matrix.ravel())[:4], numpy.fft.fft(matrix[0])[:2])
