"""The order of sets and dicts keyed by plain objects."""


class Node:
    def __init__(self, name: int) -> None:
        self.name = name


nodes = [Node(number) for number in range(200)]
print([node.name for node in set(nodes)])
print([kind.__name__ for kind in {int, str, list, dict, set, tuple, Node, float, bytes}])
print([function.__name__ for function in {len, print, sorted, min, max, abs, sum}])
