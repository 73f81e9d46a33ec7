# class: language
# tier: restricted
# attack: objects that errors carry: AttributeError.obj, NameError.name, StopIteration.value, with_traceback
# success: a module, a frame or a class's hidden attributes are reached by them
import json
import random

found = []
for value, name in ((json, "missing"), (random, "_os"), (random.Random, "_urandom"), (int, "mro_")):
    try:
        getattr(value, name)
    except AttributeError as error:
        try:
            found.append(error.obj)
        except AttributeError as refused:
            told = refused
for each in found:
    for name in ("__dict__", "__globals__", "__loader__", "_os", "codecs", "decoder"):
        try:
            print("escaped:", getattr(each, name))
        except AttributeError as refused:
            told = refused
print("held:", told)
