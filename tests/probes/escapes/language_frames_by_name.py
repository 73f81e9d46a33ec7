# class: language
# tier: restricted
# attack: sys, inspect, gc and their like, and what the library lends of them
# success: a frame or the list of all objects is reached
last = None


def one():
    import sys

    return sys


def two():
    import inspect

    return inspect


def three():
    import gc

    return gc.get_objects()


def four():
    import types

    return types.FunctionType


def five():
    import typing

    return typing.sys


for way in (one, two, three, four, five):
    try:
        print("escaped:", way())
    except (ImportError, AttributeError) as error:
        last = error
print("held:", last)
