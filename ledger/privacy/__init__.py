"""Content of subjects: sealed under keys of their own, unreadable once a key is destroyed."""
