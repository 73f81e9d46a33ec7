"""What leaves the ledger for other eyes, verifiable without it."""
