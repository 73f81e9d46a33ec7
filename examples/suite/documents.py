"""JSON out and in again: nested, escaped, sorted and pretty."""

import json

orders = [
    {
        "number": number,
        "customer": "Zoë \u2603" if number % 7 == 0 else "customer " + str(number % 13),
        "lines": [
            {"item": "part-" + str(part), "price": part * 1.15} for part in range(number % 5)
        ],
        "paid": number % 2 == 0,
        "note": None,
    }
    for number in range(150)
]
text = json.dumps(orders, sort_keys=True)
again = json.loads(text)
print(len(text), again == orders)
totals = {}
for order in again:
    name = order["customer"]
    totals[name] = totals.get(name, 0) + sum(line["price"] for line in order["lines"])
print(json.dumps(totals, indent=1, ensure_ascii=True))
