"""Weak sets, weak keyed dicts, finalizers, and when objects die."""

import gc
import weakref


class Node:
    def __init__(self, name: int) -> None:
        self.name = name

    def __del__(self) -> None:
        if self.name % 25 == 0:
            print("gone", self.name)


nodes = [Node(number) for number in range(100)]
print([node.name for node in weakref.WeakSet(nodes)])
print(sorted(node.name for node in weakref.WeakKeyDictionary({node: 1 for node in nodes})))
for node in nodes:
    node.other = node
weakref.finalize(nodes[3], print, "finalized")
del nodes, node
print(gc.collect())
