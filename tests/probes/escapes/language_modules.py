# class: language
# tier: restricted
# attack: chains from allowed modules to the real modules they import
# success: a real module, open or os is reached
import collections
import json
import random
import re
import statistics
import string
import textwrap
import typing

chains = (
    (json, "codecs builtins open"), (json, "decoder scanner re"), (random, "os"), (statistics, "random os"),
    (string, "re"), (textwrap, "re enum sys"), (typing, "sys modules"), (typing, "types"), (typing, "contextlib sys"),
    (re, "enum sys modules"), (re, "copyreg"), (re, "functools"), (collections, "sys"), (collections, "abc sys"),
    (random, "Random seed"),
)  # fmt: skip
last = None
for start, names in chains:
    value = start
    try:
        for name in names.split():
            value = getattr(value, name)
    except AttributeError as error:
        last = error
        continue
    if "built-in" in repr(value) or "<module" in repr(value):
        print("escaped:", names, value)
print("held:", last)
