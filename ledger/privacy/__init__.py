"""Content of subjects: sealed under a key of their own, unreadable for ever once it is destroyed."""
