# class: language
# tier: restricted
# attack: import what no list allows, by every spelling
# success: any of them is imported
last = None


def one():
    import os

    return os


def two():
    from importlib import import_module

    return import_module


def three():
    import collections.abc as module

    return module.sys


def four():
    import builtins

    return builtins


def five():
    from json import codecs

    return codecs


for way in (one, two, three, four, five):
    try:
        print("escaped:", way())
    except (ImportError, AttributeError) as error:
        last = error
print("held:", last)
