"""The vocabulary as types: every other room speaks with these nouns and adds none of its own."""
