# class: language
# tier: restricted
# attack: mix classes into an enumeration that no class statement may inherit from: facades, super, cached_property, fields
# success: such a member is made
import dataclasses
import enum
import functools
import math

last = None
for kind in (
    type(math),
    super,
    functools.cached_property,
    type(dataclasses.field()),
    type(type),
    type(print),
    type(lambda: 0),
    type(x for x in ""),
):
    for made in (enum.Enum, enum.Flag, enum.IntEnum):
        try:
            print("escaped:", made("E", {"ONE": ("name", {"__reduce_ex__": print})}, type=kind))
        except TypeError as error:
            last = error
print("held:", last)
