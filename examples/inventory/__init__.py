"""A small stock keeper: items, orders, and a JSON file that remembers them."""
