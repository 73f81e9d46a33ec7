# class: language
# tier: restricted
# attack: globals of the functions that allowed modules hand out, by every attribute that leads to them
# success: a function's globals, closure, code, or module is reached
import bisect
import dataclasses
import functools
import json
import statistics
import textwrap

last = None
for function in (
    json.dumps,
    textwrap.dedent,
    statistics.mean,
    dataclasses.field,
    functools.wraps,
    bisect.insort,
    print,
):
    for name in (
        "__globals__", "func_globals", "__closure__", "__code__", "__self__", "__wrapped__", "__kwdefaults__", "__module__",
        "__builtins__", "__getattribute__", "__reduce_ex__", "__dict__", "__func__", "__call__", "__init__",
    ):  # fmt: skip
        try:
            print("escaped:", name, getattr(function, name))
        except AttributeError as error:
            last = error
print("held:", last)
