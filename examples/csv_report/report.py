"""Read the sales in data/*.csv; write a report for people and a summary for spreadsheets.

Run it with:  os2 python csv_report/report.py
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

HERE = Path(__file__).parent
BAR = 32


@dataclass(frozen=True)
class Sale:
    shop: str
    day: date
    product: str
    quantity: int
    price: Decimal

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price


def read_sales(folder: Path) -> tuple[list[Sale], list[str]]:
    """All sales, and a line of explanation for every row that is none."""
    sales, rejected = [], []
    for path in folder.glob("*.csv"):
        with path.open(newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    sales.append(
                        Sale(
                            shop=path.stem,
                            day=date.fromisoformat(row["date"]),
                            product=row["product"],
                            quantity=int(row["quantity"]),
                            price=Decimal(row["price"]),
                        )
                    )
                except (ValueError, InvalidOperation) as problem:
                    rejected.append(f"{path.name}:{number}: {problem}")
    return sales, rejected


def totals(sales: list[Sale], key: str) -> dict[str, Decimal]:
    """Amounts by shop or by product, the largest first."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for sale in sales:
        sums[getattr(sale, key)] += sale.amount
    return dict(sorted(sums.items(), key=lambda item: item[1], reverse=True))


def chart(title: str, sums: dict[str, Decimal]) -> list[str]:
    largest = max(sums.values())
    lines = [title]
    for name, amount in sums.items():
        bar = "#" * round(BAR * amount / largest)
        lines.append(f"  {name:<10}{amount:>12,.2f}  {bar}")
    return [*lines, ""]


def best_day(sales: list[Sale]) -> tuple[date, Decimal]:
    days: dict[date, Decimal] = defaultdict(Decimal)
    for sale in sales:
        days[sale.day] += sale.amount
    return max(days.items(), key=lambda item: item[1])


def main() -> None:
    sales, rejected = read_sales(HERE / "data")
    shops = {sale.shop for sale in sales}
    day, amount = best_day(sales)

    lines = [f"Sales report, written {datetime.now():%Y-%m-%d %H:%M:%S}", ""]
    lines += chart("By shop", totals(sales, "shop"))
    lines += chart("By product", totals(sales, "product"))
    lines += [f"{len(sales)} sales in the shops {', '.join(shops)}"]
    lines += [f"Best day: {day:%d %B} with {amount:,.2f}"]
    lines += [f"Left out: {each}" for each in rejected]

    out = HERE / "out"
    out.mkdir(exist_ok=True)
    (out / "report.txt").write_text("\n".join(lines) + "\n")
    with (out / "summary.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["product", "quantity", "amount"])
        for product, total in totals(sales, "product").items():
            count = sum(sale.quantity for sale in sales if sale.product == product)
            table.writerow([product, count, total])

    print("\n".join(lines))
    print(f"\nWritten: {out / 'report.txt'}, {out / 'summary.csv'}")


if __name__ == "__main__":
    main()
