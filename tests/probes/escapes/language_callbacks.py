# class: language
# tier: restricted
# attack: callbacks that the library calls with its own objects: re.sub, json hooks, sort keys, default, lru_cache
# success: an object that it passes leads to a module, a frame or hidden attributes
import functools
import json
import re

last = None


def look(value, *rest):
    for each in (value, *rest):
        for name in (
            "__class__",
            "__self__",
            "__globals__",
            "scanner",
            "memo",
            "re",
            "__module__",
            "f_back",
            "cache_info_",
        ):
            try:
                found = getattr(each, name)
            except AttributeError as error:
                look.last = error
                continue
            if "module" in repr(found) or "built-in" in repr(found):
                print("escaped:", name, found)
    return "x"


re.sub("a", look, "aba")
json.loads('{"a": [1.5, 2]}', object_hook=look, parse_float=look, parse_int=look)
json.dumps({"a": {1, 2}}, default=lambda value: list(value) if look(value) else 0)
functools.lru_cache(look)(1)
sorted([3, 1], key=look)
for function in (
    functools.lru_cache(look),
    json.JSONDecoder(),
    re.compile("a"),
    re.compile("a").match("a"),
):
    for name in ("__wrapped__", "scan_once", "parse_object", "memo", "__reduce__", "scanner"):
        try:
            found = getattr(function, name)
        except AttributeError as error:
            last = error
            continue
        if "module" in repr(found) and "c_make_scanner" not in repr(found):
            print("escaped:", name, found)
print("held:", last)
