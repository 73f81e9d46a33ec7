"""Bills, from what lies in the shop."""

from decimal import ROUND_HALF_UP, Decimal

from .stock import ITEMS


def bill(names):
    prices = {item.name: item.price for item in ITEMS}
    net = sum((prices[name] for name in names), Decimal(0))
    return (net * Decimal("1.19")).quantize(Decimal("0.01"), ROUND_HALF_UP)
