# class: language
# tier: restricted
# attack: change what is not ours: modules, classes of the library, builtins, other code's defaults
# success: any of them is changed
import collections
import decimal
import json
import math
import random

last = None


def one():
    math.pi = 3


def two():
    json.JSONEncoder.default = print


def three():
    setattr(collections.Counter, "get", print)


def four():
    del random.random


def five():
    decimal.Decimal.sqrt = print


def six():
    print.name = 1


def seven():
    json.dumps.name = "owned"


for way in (one, two, three, four, five, six, seven):
    try:
        way()
        print("escaped: changed by", way)
    except (AttributeError, TypeError) as error:
        last = error
print("held:", last)
