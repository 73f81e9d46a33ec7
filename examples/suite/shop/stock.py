"""What lies in the shop."""

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(order=True)
class Item:
    name: str
    price: Decimal
    tags: frozenset = field(default_factory=frozenset, compare=False)


ITEMS = [
    Item("lamp", Decimal("19.99"), frozenset({"light", "home"})),
    Item("rope", Decimal("7.50"), frozenset({"outdoor"})),
    Item("kettle", Decimal("34.00"), frozenset({"home", "kitchen"})),
]
