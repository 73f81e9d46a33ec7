"""Money, fractions and dates: exact numbers, and a calendar that begins today."""

import datetime
import decimal
import fractions

rate = decimal.Decimal("0.0325") / 12
balance, months = decimal.Decimal(12000), 0
while balance > 0 and months < 120:
    balance = (balance * (1 + rate) - 150).quantize(decimal.Decimal("0.01"))
    months += 1
print(months, balance)
print(sum((fractions.Fraction(1, number) for number in range(1, 60)), fractions.Fraction(0)))
today = datetime.date.today()
due = [today + datetime.timedelta(days=30 * number) for number in range(6)]
print([day.isoformat() for day in due], datetime.datetime.now())
