"""The Merkle tree cut into tiles of 256 hashes: form, growth, folder, proofs, publication."""
