"""Customers' orders, drawn at random, and what became of them."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from random import Random

from inventory.items import OutOfStock, Stock


@dataclass(frozen=True)
class Order:
    number: str
    product: str
    quantity: int
    placed: str


@dataclass(frozen=True)
class Receipt:
    order: Order
    cents: int
    refused: str = ""


def draw_orders(stock: Stock, count: int) -> list[Order]:
    chance = Random()
    return [
        Order(
            number=secrets.token_hex(4),
            product=chance.choice(list(stock.items)),
            quantity=chance.randint(1, 6),
            placed=datetime.now().isoformat(timespec="milliseconds"),
        )
        for _ in range(count)
    ]


def fulfil(stock: Stock, orders: list[Order]) -> list[Receipt]:
    receipts = []
    for order in orders:
        try:
            cents = stock.items[order.product].take(order.quantity)
            receipts.append(Receipt(order, cents))
        except OutOfStock as refusal:
            receipts.append(Receipt(order, 0, str(refusal)))
    return receipts
