"""What lies on the shelves."""

from dataclasses import dataclass, field


class OutOfStock(Exception):
    """More was asked for than there is."""


@dataclass
class Item:
    name: str
    quantity: int
    cents: int
    reorder_below: int = 5

    def take(self, quantity: int) -> int:
        """Remove ``quantity`` pieces; return their price in cents."""
        if quantity > self.quantity:
            raise OutOfStock(f"{quantity} {self.name} asked for, {self.quantity} left")
        self.quantity -= quantity
        return quantity * self.cents


@dataclass
class Stock:
    items: dict[str, Item] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        self.items[item.name] = item

    def to_reorder(self) -> list[Item]:
        return [item for item in self.items.values() if item.quantity < item.reorder_below]

    @property
    def value_cents(self) -> int:
        return sum(item.quantity * item.cents for item in self.items.values())
