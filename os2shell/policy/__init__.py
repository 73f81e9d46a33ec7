"""Policy: what manifests say, the fold that remembers it, and the checker that answers."""
