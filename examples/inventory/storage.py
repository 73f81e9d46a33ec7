"""The stock as a JSON file."""

import json
from dataclasses import asdict
from pathlib import Path

from inventory.items import Item, Stock
from inventory.orders import Receipt

FIRST_DELIVERY = (
    Item("apples", 40, 45),
    Item("bread", 18, 320),
    Item("cheese", 12, 890),
    Item("eggs", 30, 35, reorder_below=12),
    Item("honey", 7, 650, reorder_below=2),
)


def load(path: Path) -> Stock:
    """The stock in ``path``, or a first delivery if there is none yet."""
    items = FIRST_DELIVERY
    if path.exists():
        items = tuple(Item(**each) for each in json.loads(path.read_text())["items"])
    stock = Stock()
    for item in items:
        stock.add(item)
    return stock


def save(path: Path, stock: Stock, receipts: list[Receipt]) -> None:
    path.parent.mkdir(exist_ok=True)
    content = {
        "items": [asdict(item) for item in stock.items.values()],
        "orders": [asdict(receipt) for receipt in receipts],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
