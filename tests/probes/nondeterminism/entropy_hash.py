"""Hashes of text, of None, of functions; and the order of sets of text."""

print(hash("text"), hash(b"bytes"), hash(None), hash(len), hash(3.5), hash(("a", 1)))
print({"one", "two", "three", "four", "five", "six"}, frozenset("abcdefgh"))
print({str(number): None for number in range(3)}, set(map(str, range(50))))
