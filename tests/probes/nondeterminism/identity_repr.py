"""Addresses: id, default repr, hash of plain objects, functions, modules."""

import sys


class Plain:
    pass


def function() -> None:
    pass


print(Plain(), function, object(), id(Plain), hash(Plain()), (lambda: 0), iter([]))
print([hex(id(object())) for _ in range(3)], id(sys), id(None), id([]), id({}))
print(sys._getframe(), (number for number in ()), type(sys).__repr__)
