"""Why a stranger may believe a log: Merkle proofs, signed notes, checkpoints, keys."""
