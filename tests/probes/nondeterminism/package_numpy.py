"""numpy: default generators, legacy and new; sums, products by BLAS; printing."""
# packages: numpy

import time

import numpy as np

start = time.monotonic()
print(
    np.random.default_rng().integers(1 << 60), np.random.rand(3), np.random.SeedSequence().entropy
)
print(np.random.default_rng(7).normal(size=4), np.random.RandomState().randint(1 << 30))
matrix = np.random.default_rng(1).normal(size=(300, 300))
print((matrix @ matrix).sum(), np.linalg.svd(matrix)[1][:3], np.linalg.inv(matrix)[0, :2])
print(matrix.sum(), np.fft.fft(matrix[0])[:2], np.sort(matrix[1])[:3], matrix.std(axis=0)[:2])
print(
    repr(np.float32(0.1)),
    np.array([1e-17, 1 / 3, 1e300]),
    np.datetime64("now"),
    np.datetime64("today"),
)
print(
    np.empty(3).shape,
    np.unique(matrix.round())[:3],
    hash(np.float64(1.5)),
    time.monotonic() - start,
)
print(np.show_config("dicts")["Build Dependencies"]["blas"]["name"])
