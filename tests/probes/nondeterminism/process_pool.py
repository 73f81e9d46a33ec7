"""Processes in parallel: refused by name, or ordered."""

import concurrent.futures
import multiprocessing
import os


def square(number: int) -> int:
    return number * number


if __name__ == "__main__":
    try:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(square, range(10)))
    except Exception as error:
        print(type(error).__name__, error)
    try:
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            print(list(pool.map(square, range(10))))
    except Exception as error:
        print(type(error).__name__, error)
    print(os.getpid())
