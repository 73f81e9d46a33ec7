"""Take a morning's orders and write what is left.

Run it with:  os2 python -m inventory [ORDERS]
"""

import sys
from pathlib import Path

from inventory import storage
from inventory.orders import draw_orders, fulfil

FILE = Path("out") / "stock.json"


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    stock = storage.load(FILE)
    receipts = fulfil(stock, draw_orders(stock, count))
    for receipt in receipts:
        order = receipt.order
        result = receipt.refused or f"{receipt.cents / 100:.2f}"
        print(f"{order.number}  {order.quantity} {order.product:<8} {result}")
    storage.save(FILE, stock, receipts)

    earned = sum(receipt.cents for receipt in receipts)
    print(f"Earned {earned / 100:.2f}; {stock.value_cents / 100:.2f} still on the shelves")
    for item in stock.to_reorder():
        print(f"Order more {item.name}: {item.quantity} left")
    print(f"Written: {FILE}")
    return 1 if any(receipt.refused for receipt in receipts) else 0


if __name__ == "__main__":
    sys.exit(main())
