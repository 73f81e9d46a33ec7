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
│   ├── WrongKey            the key is not the one of this ledger
│   └── AlgorithmMissing    the installed library cannot do what this key is for
├── EpochError              epochs of keys, a rotation or an endorsement that breaks their rules
├── ObjectProblem           content that records refer to
│   ├── ObjectMissing       nothing is stored under that digest
│   ├── ObjectDamaged       what is stored does not have that digest
│   └── ObjectTooLarge      the content is beyond the limit
├── PrivacyError            content of a subject cannot be sealed, opened or shredded
│   ├── SubjectRefused      a name that no subject may have, or a reason that would name one
│   ├── NotSealed           the record holds no sealed content
│   ├── SealedDamaged       the sealed content does not hold, or belongs elsewhere
│   ├── SubjectKeyMissing   the key is not here, and nobody recorded its destruction
│   └── ShreddedError       the key was destroyed; names the record that says so
├── WitnessError            a head is not witnessed as demanded, or a witness cannot do its work
│   ├── QuorumError         fewer witnesses confirmed a head than the policy requires
│   ├── PolicyError         the text is not a witness policy, or one that cannot be met
│   ├── RefusedHead         a witness does not cosign this; carries the HTTP status
│   │   └── HeadConflict    it cosigned another size last; carries that size
│   └── WitnessStoreError   what a witness remembers is damaged, or cannot be kept
│       └── WitnessFull     there is no room for a head; there may be later
├── FleetError              logs of several nodes cannot be brought together
│   ├── NodeUnknown         no record of the fleet log admitted this node
│   ├── Incomplete          a node, a head or a proof is missing, and nothing is put in its place
│   ├── CertificateError    the file is no certificate, or does not prove what it says
│   └── Obstructed          a merge that is impossible; carries the certificate that proves it
├── QueryError              a question that no record can answer
└── BundleError             an evidence bundle is malformed or does not hold
"""

from collections.abc import Mapping
from typing import ClassVar


class LedgerError(Exception):
    """Base of all errors raised by this package.

    ``remedy`` is what to do next where the message itself, behind a semicolon, says nothing better.
    """

    remedy: ClassVar[str] = "check what was given, then try again"

    def __str__(self) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """What was expected, what was found, what to do next."""
        text = super().__str__()
        return f"{text}; {self.remedy}" if self.remedy and "; " not in text else text


class CanonicalError(LedgerError):
    """The value has no canonical encoding, or the bytes are not one."""

    remedy: ClassVar[str] = "change the value, or take the bytes from whoever wrote them again"


class BodyTooLarge(LedgerError):
    """A record's body would reach the limit; large content belongs into an object."""


class EntryError(LedgerError):
    """The entry cannot be appended to any ledger."""

    remedy: ClassVar[str] = "change the entry"


class ConflictError(LedgerError):
    """Another writer appended first."""


class ClosedError(LedgerError):
    """The ledger instance was closed; open it again."""


class ReadOnlyError(LedgerError):
    """The instance cannot append."""

    remedy: ClassVar[str] = "open the ledger for appending, with its key"


class ClockError(LedgerError):
    """The source of hybrid logical time did not move forward, or left 64 bits."""


class DurabilityError(LedgerError):
    """A write or sync failed; what it left behind is unknown, so the instance is closed."""

    remedy: ClassVar[str] = "make room or repair the disk, then open the ledger again"


class DiskFull(DurabilityError):
    """There was no room; nothing acknowledged is lost, the next open cuts the torn tail."""


class UnreadableError(LedgerError):
    """The operating system refused access to the ledger's files."""

    remedy: ClassVar[str] = "check the path and who may read it"


class LedgerMissing(UnreadableError):
    """No ledger lies in the directory."""

    remedy: ClassVar[str] = "check the path, or create a ledger there"


class DamagedError(LedgerError):
    """The log does not hold; ``seq`` is the first bad record, ``reason`` says why."""

    remedy: ClassVar[str] = "keep this copy as it is, and restore the ledger from another"

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

    remedy: ClassVar[str] = "check the path, or use the version that wrote it"


class NoteError(LedgerError):
    """The bytes are not a signed note, or no signature by the expected key holds."""

    remedy: ClassVar[str] = "do not trust it, and ask its maker for it again"


class CheckpointError(NoteError):
    """The note is not a checkpoint of this format."""

    remedy: ClassVar[str] = "do not trust it, and fetch the log's checkpoint again"


class SealError(LedgerError):
    """The text does not say what a segment holds, or says it in another spelling."""

    remedy: ClassVar[str] = "restore the file from a copy"


class PrunedError(LedgerError):
    """The records were removed by pruning, which a record in the log states."""


class ProofError(LedgerError):
    """A Merkle proof is malformed or leads to another root."""

    remedy: ClassVar[str] = "do not trust it, and ask for the proof again"


class KeyProblem(LedgerError):
    """A key cannot be used."""

    remedy: ClassVar[str] = "give another key"


class KeyExposed(KeyProblem):
    """Others than the owner may read the secret key."""


class KeyFormatError(KeyProblem):
    """The text or file is not an acceptable key."""

    remedy: ClassVar[str] = "check the file or the text that was given"


class KeyMisplaced(KeyProblem):
    """A secret key must not lie where copies of the ledger are made."""


class WrongKey(KeyProblem):
    """The key belongs to another ledger."""

    remedy: ClassVar[str] = "give the key of this ledger"


class EpochError(LedgerError):
    """A table of epochs, a rotation or an endorsement breaks the rules of epochs."""

    remedy: ClassVar[str] = (
        "do not trust it, and compare with a table of epochs from the log's owner"
    )


class AlgorithmMissing(KeyProblem):
    """The installed ``cryptography`` lacks this algorithm."""

    remedy: ClassVar[str] = "install a newer cryptography"


class WitnessError(LedgerError):
    """A head is not witnessed as the policy demands, or a witness cannot do its work."""

    remedy: ClassVar[str] = "see that the witness runs and can be reached, then ask again"


class QuorumError(WitnessError):
    """Fewer witnesses confirmed a head than the policy requires.

    ``confirmed`` holds the names of those that did; ``reasons`` says why each other one did not.
    """

    remedy: ClassVar[str] = "ask again when the witnesses answer"

    def __init__(
        self, reason: str, confirmed: tuple[str, ...] = (), reasons: Mapping[str, str] | None = None
    ) -> None:
        """Say what was required and found, and keep it apart for programs."""
        super().__init__(reason)
        self.confirmed = confirmed
        self.reasons = dict(reasons or {})


class PolicyError(WitnessError):
    """The text is not a witness policy, or one that no witnesses could ever meet."""

    remedy: ClassVar[str] = "mend the policy"


class RefusedHead(WitnessError):
    """A witness does not cosign what it was sent; ``status`` is its HTTP answer."""

    remedy: ClassVar[str] = ""  # the status says it, to a program

    def __init__(self, status: int, reason: str) -> None:
        """Say which HTTP status tells the client, and why."""
        super().__init__(reason)
        self.status = status


class HeadConflict(RefusedHead):
    """The old size is not the one cosigned last, which is ``size``."""

    def __init__(self, size: int, found: int) -> None:
        """Name the size cosigned last, and the one that was sent."""
        super().__init__(409, f"expected old size {size}, found {found}")
        self.size = size


class WitnessStoreError(WitnessError):
    """What a witness remembers is damaged, or could not be kept; nothing was cosigned."""

    remedy: ClassVar[str] = "make room or repair the disk, then start the witness again"


class WitnessFull(WitnessStoreError):
    """A witness found no room for a head; it cosigned nothing, and the head before still stands."""

    remedy: ClassVar[str] = "make room on the witness' disk, then ask again"


class ObjectProblem(LedgerError):
    """Stored content cannot be served or taken."""

    remedy: ClassVar[str] = "restore the object from a copy of the ledger"


class ObjectMissing(ObjectProblem):
    """No object has this digest."""


class ObjectDamaged(ObjectProblem):
    """The stored bytes do not have the digest that names them."""


class ObjectTooLarge(ObjectProblem):
    """The content is larger than the limit."""


class PrivacyError(LedgerError):
    """Content of a subject cannot be sealed, opened or shredded."""

    remedy: ClassVar[str] = "check which subject and which record was meant"


class SubjectRefused(PrivacyError):
    """The text cannot name a subject, or would name one where that stays for ever."""

    remedy: ClassVar[str] = "name the subject otherwise"


class NotSealed(PrivacyError):
    """The record holds no content of a subject."""

    remedy: ClassVar[str] = "give a record that holds sealed content"


class SealedDamaged(PrivacyError):
    """The sealed content was altered or cut, or belongs to another key, record or ledger."""

    remedy: ClassVar[str] = "restore the object and the key from copies"


class SubjectKeyMissing(PrivacyError):
    """No key of this subject is in the folder, and no record says that it was destroyed."""

    remedy: ClassVar[str] = "name the folder where this ledger's keys are kept"


class ShreddedError(PrivacyError):
    """The subject's key was destroyed; record ``seq`` by ``actor`` at ``hlc`` says why."""

    def __init__(self, pseudonym: str, seq: int, actor: str, hlc: int, reason: str) -> None:
        """Name the record that says so."""
        from datetime import UTC, datetime  # noqa: PLC0415 - starts do not pay for a rare error

        at = f"{datetime.fromtimestamp(hlc // 65_536_000, UTC):%Y-%m-%d %H:%M:%S}Z"
        super().__init__(
            f"expected the content of subject {pseudonym}, found it shredded by "
            f"{actor or 'somebody unnamed'} at {at} (record {seq}: {reason}); it cannot be read "
            "any more, by anybody"
        )
        self.pseudonym = pseudonym
        self.seq = seq
        self.actor = actor
        self.hlc = hlc
        self.reason = reason


class BundleError(LedgerError):
    """An evidence bundle is malformed, hostile, or does not hold."""

    remedy: ClassVar[str] = "do not trust it, and ask for the evidence again"


class FleetError(LedgerError):
    """Logs of several nodes cannot be brought together."""


class NodeUnknown(FleetError):
    """No record of the fleet log admitted the node; it cannot admit itself."""


class Incomplete(FleetError):
    """Something is missing that a whole result would need; nothing proves who lacks it."""


class CertificateError(FleetError):
    """The file is no certificate of an obstruction, or does not prove what it says."""


class Obstructed(FleetError):
    """Logs that cannot be merged; ``certificate`` is the file that proves it to anybody."""

    def __init__(self, reason: str, certificate: bytes) -> None:
        """Say why, and carry the proof."""
        super().__init__(reason)
        self.certificate = certificate


class QueryError(LedgerError):
    """The question is malformed: an empty text, a time that is none, a negative number."""

    remedy: ClassVar[str] = "ask another way; --help says how"
