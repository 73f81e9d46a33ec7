"""Every way a ledger can refuse; each message says what was expected, what was found, what to do.

LedgerError
├── CanonicalError          the value or the bytes have no canonical form
├── BodyTooLarge            a record's body reaches 64 KiB
├── EntryError              an entry that no ledger takes: no kind, a reserved one, other types
├── ConflictError           the head moved under the writer
├── ClosedError             the instance is closed, or closed itself after a failed write
├── ReadOnlyError           an append to a ledger opened for reading, or without a signer
├── ClockError              the hybrid clock cannot move forward
├── DurabilityError         a write or a sync failed; final for this instance
│   └── DiskFull            no space, quota or file size limit
├── UnreadableError         the operating system refuses to read or to open
│   └── LedgerMissing       there is no ledger in that place
├── DamagedError            a complete frame, record or checkpoint is bad; names the seq
│   ├── RollbackError       the log is shorter than the checkpoint that was published
│   └── EquivocationError   two signed heads of one size differ
├── FormatError             not a ledger's file, or one of a newer format
├── NoteError               the text is not a signed note, or no signature on it holds
│   └── CheckpointError     the note holds but is not a checkpoint
├── SealError               the text is not the seal of a segment
├── PrunedError             the records asked for were removed on purpose; their proofs still hold
├── ProofError              a Merkle proof does not hold
├── KeyProblem              a key cannot be used
│   ├── KeyExposed          the secret key is readable by others
│   ├── KeyFormatError      the file or text is not a key, or a weak one
│   ├── KeyMisplaced        a secret key would lie inside the ledger it signs
│   └── WrongKey            the key is not the one of this ledger
├── EpochError              epochs of keys, a rotation or an endorsement that breaks their rules
├── ObjectProblem           content that records refer to
│   ├── ObjectMissing       nothing is stored under that digest
│   ├── ObjectDamaged       what is stored does not have that digest
│   └── ObjectTooLarge      the content is beyond the limit
└── BundleError             an evidence bundle is malformed or does not hold
"""


class LedgerError(Exception):
    """Base of all errors raised by this package."""


class CanonicalError(LedgerError):
    """The value has no canonical encoding, or the bytes are not one."""


class BodyTooLarge(LedgerError):
    """A record's body would reach the limit; large content belongs into an object."""


class EntryError(LedgerError):
    """The entry cannot be appended to any ledger."""


class ConflictError(LedgerError):
    """Another writer appended first."""


class ClosedError(LedgerError):
    """The ledger instance was closed; open it again."""


class ReadOnlyError(LedgerError):
    """The instance cannot append."""


class ClockError(LedgerError):
    """The source of hybrid logical time did not move forward, or left 64 bits."""


class DurabilityError(LedgerError):
    """A write or sync failed; what it left behind is unknown, so the instance is closed."""


class DiskFull(DurabilityError):
    """There was no room; nothing acknowledged is lost, the next open cuts the torn tail."""


class UnreadableError(LedgerError):
    """The operating system refused access to the ledger's files."""


class LedgerMissing(UnreadableError):
    """No ledger lies in the directory."""


class DamagedError(LedgerError):
    """The log does not hold; ``seq`` is the first bad record, ``reason`` says why."""

    def __init__(self, seq: int, reason: str) -> None:
        """Name the first bad record and why it is bad."""
        super().__init__(f"record {seq}: {reason}")
        self.seq = seq
        self.reason = reason


class RollbackError(DamagedError):
    """The log ends before a head that was signed and published."""


class EquivocationError(DamagedError):
    """Two signed heads claim one size with different content."""


class FormatError(LedgerError):
    """The file is foreign, or written by a newer version."""


class NoteError(LedgerError):
    """The bytes are not a signed note, or no signature by the expected key holds."""


class CheckpointError(NoteError):
    """The note is not a checkpoint of this format."""


class SealError(LedgerError):
    """The text does not say what a segment holds, or says it in another spelling."""


class PrunedError(LedgerError):
    """The records were removed by pruning, which a record in the log states."""


class ProofError(LedgerError):
    """A Merkle proof is malformed or leads to another root."""


class KeyProblem(LedgerError):
    """A key cannot be used."""


class KeyExposed(KeyProblem):
    """Others than the owner may read the secret key."""


class KeyFormatError(KeyProblem):
    """The text or file is not an acceptable key."""


class KeyMisplaced(KeyProblem):
    """A secret key must not lie where copies of the ledger are made."""


class WrongKey(KeyProblem):
    """The key belongs to another ledger."""


class EpochError(LedgerError):
    """A table of epochs, a rotation or an endorsement breaks the rules of epochs."""


class ObjectProblem(LedgerError):
    """Stored content cannot be served or taken."""


class ObjectMissing(ObjectProblem):
    """No object has this digest."""


class ObjectDamaged(ObjectProblem):
    """The stored bytes do not have the digest that names them."""


class ObjectTooLarge(ObjectProblem):
    """The content is larger than the limit."""


class BundleError(LedgerError):
    """An evidence bundle is malformed, hostile, or does not hold."""
