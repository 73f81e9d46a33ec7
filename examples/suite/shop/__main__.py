"""``python -m shop``: a bill for the names given."""

import sys
from importlib import resources

from shop.stock import ITEMS
from shop.till import bill

print(sorted(ITEMS))
print({tag for item in ITEMS for tag in item.tags})
print(bill(sys.argv[1:]), __spec__.name)
print(sorted(path.name for path in resources.files("shop").iterdir() if path.suffix == ".py"))
