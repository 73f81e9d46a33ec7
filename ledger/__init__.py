"""A hash-chained, signed ledger. Knows bytes, chains and keys; knows nothing of shells.

What one does with it, from the first record to evidence that a stranger can check:

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from time import time_ns
>>> from ledger import Entry, KeyFile, TokenSignatureLedger, verify
>>> from ledger import leaf_hash, read_bundle, verify_inclusion, write_bundle
>>> here = Path(mkdtemp())
>>> keys = KeyFile.create(here / "keys" / "log.key", "example.org/doors")
>>> trusted = keys.public  # what others must know of you
>>> with TokenSignatureLedger.open(here / "log", keys, clock=time_ns, node="gate") as log:
...     photo = log.objects.put(b"what the camera saw")
...     opened, shut = log.append(  # both are durable when this returns, or neither
...         Entry("opened", {"door": 7}, actor="Ada", payload=photo), Entry("shut", {"door": 7})
...     )
...     print([record.kind for record in log.read()])
...     verify_inclusion(log.prove(opened.seq), leaf_hash(opened.body), log.head.root)
...     rotation = log.rotate()  # from here on a new key signs; the old one is destroyed
...     write_bundle(here / "case.os2z", log, [opened.seq], [photo])
['ledger.created', 'opened', 'shut']
>>> print(verify(here / "log", trusted, objects=True).status)
ok
>>> with read_bundle(here / "case.os2z", trusted) as bundle:
...     print(bundle.trusted, bundle.objects.get(photo))
True b'what the camera saw'

Nothing is believed that was not checked: a record that is read lies under a signature by
``public_key``. Every refusal is a ``LedgerError`` (the tree stands in ``errors``). Each name loads
at its first use: a start pays for what it uses, and a command is at work soon enough to take Ctrl-C
for what it is.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.chain.age import EPOCH_DAYS as EPOCH_DAYS
    from ledger.chain.age import EpochAge as EpochAge
    from ledger.chain.age import epoch_age as epoch_age
    from ledger.chain.content import reached as reached
    from ledger.chain.content import reached_from as reached_from
    from ledger.chain.durability import Durability as Durability
    from ledger.chain.log import TokenSignatureLedger as TokenSignatureLedger
    from ledger.chain.pruning import Pruning as Pruning
    from ledger.chain.publication import publish as publish
    from ledger.chain.publication import renew_tiles as renew_tiles
    from ledger.chain.stated import stated_origin as stated_origin
    from ledger.chain.tampering import drop_tail as drop_tail
    from ledger.chain.tampering import flip_byte as flip_byte
    from ledger.chain.tampering import rewrite_record as rewrite_record
    from ledger.chain.tampering import swap_records as swap_records
    from ledger.chain.verifying import FirstBad as FirstBad
    from ledger.chain.verifying import Status as Status
    from ledger.chain.verifying import Verification as Verification
    from ledger.chain.verifying import verify as verify
    from ledger.errors import AlgorithmMissing as AlgorithmMissing
    from ledger.errors import BodyTooLarge as BodyTooLarge
    from ledger.errors import BundleError as BundleError
    from ledger.errors import CanonicalError as CanonicalError
    from ledger.errors import CertificateError as CertificateError
    from ledger.errors import CheckpointError as CheckpointError
    from ledger.errors import ClockError as ClockError
    from ledger.errors import ClosedError as ClosedError
    from ledger.errors import ConflictError as ConflictError
    from ledger.errors import DamagedError as DamagedError
    from ledger.errors import DiskFull as DiskFull
    from ledger.errors import DurabilityError as DurabilityError
    from ledger.errors import EntryError as EntryError
    from ledger.errors import EpochError as EpochError
    from ledger.errors import EquivocationError as EquivocationError
    from ledger.errors import FleetError as FleetError
    from ledger.errors import FormatError as FormatError
    from ledger.errors import Incomplete as Incomplete
    from ledger.errors import KeyExposed as KeyExposed
    from ledger.errors import KeyFormatError as KeyFormatError
    from ledger.errors import KeyMisplaced as KeyMisplaced
    from ledger.errors import KeyProblem as KeyProblem
    from ledger.errors import LedgerError as LedgerError
    from ledger.errors import LedgerMissing as LedgerMissing
    from ledger.errors import NodeUnknown as NodeUnknown
    from ledger.errors import NoteError as NoteError
    from ledger.errors import NotSealed as NotSealed
    from ledger.errors import ObjectDamaged as ObjectDamaged
    from ledger.errors import ObjectMissing as ObjectMissing
    from ledger.errors import ObjectProblem as ObjectProblem
    from ledger.errors import ObjectTooLarge as ObjectTooLarge
    from ledger.errors import Obstructed as Obstructed
    from ledger.errors import PolicyError as PolicyError
    from ledger.errors import PrivacyError as PrivacyError
    from ledger.errors import ProofError as ProofError
    from ledger.errors import PrunedError as PrunedError
    from ledger.errors import QueryError as QueryError
    from ledger.errors import QuorumError as QuorumError
    from ledger.errors import ReadOnlyError as ReadOnlyError
    from ledger.errors import RollbackError as RollbackError
    from ledger.errors import SealedDamaged as SealedDamaged
    from ledger.errors import SealError as SealError
    from ledger.errors import ShreddedError as ShreddedError
    from ledger.errors import SubjectKeyMissing as SubjectKeyMissing
    from ledger.errors import SubjectRefused as SubjectRefused
    from ledger.errors import UnreadableError as UnreadableError
    from ledger.errors import WitnessError as WitnessError
    from ledger.errors import WrongKey as WrongKey
    from ledger.evidence.bundle import Bundle as Bundle
    from ledger.evidence.bundle import read_bundle as read_bundle
    from ledger.evidence.bundle import write_bundle as write_bundle
    from ledger.evidence.car import write_car as write_car
    from ledger.evidence.exporting import EXPORTS as EXPORTS
    from ledger.evidence.exporting import export_lines as export_lines
    from ledger.evidence.exporting import write_export as write_export
    from ledger.evidence.exporting import write_verifier as write_verifier
    from ledger.evidence.importing import admit as admit
    from ledger.evidence.importing import rebuild as rebuild
    from ledger.fleet.certificate import Certificate as Certificate
    from ledger.fleet.certificate import read_certificate as read_certificate
    from ledger.fleet.fleet_log import FleetLog as FleetLog
    from ledger.fleet.lines import merge_lines as merge_lines
    from ledger.fleet.membership import Fleet as Fleet
    from ledger.fleet.membership import Member as Member
    from ledger.fleet.merging import Merge as Merge
    from ledger.fleet.merging import Merged as Merged
    from ledger.fleet.merging import merge as merge
    from ledger.fleet.obstruction import Obstruction as Obstruction
    from ledger.fleet.views import LogView as LogView
    from ledger.fleet.views import View as View
    from ledger.form.canonical import Digest as Digest
    from ledger.form.canonical import Json as Json
    from ledger.form.canonical import decode as decode
    from ledger.form.canonical import digest as digest
    from ledger.form.canonical import encode as encode
    from ledger.form.images import STATE_IMAGED as STATE_IMAGED
    from ledger.form.images import image_of as image_of
    from ledger.form.record import Author as Author
    from ledger.form.record import Entry as Entry
    from ledger.form.record import Head as Head
    from ledger.form.record import Record as Record
    from ledger.form.record import body_of as body_of
    from ledger.form.references import referred as referred
    from ledger.native import inner_loop as inner_loop
    from ledger.privacy.subjects import Sealed as Sealed
    from ledger.privacy.subjects import Shredding as Shredding
    from ledger.privacy.subjects import Subjects as Subjects
    from ledger.query.index import Index as Index
    from ledger.query.index import scan as scan
    from ledger.query.lines import RecordLines as RecordLines
    from ledger.query.moments import instant as instant
    from ledger.query.question import Query as Query
    from ledger.query.tail import tail as tail
    from ledger.query.words import Needle as Needle
    from ledger.query.words import needle as needle
    from ledger.storage.file_objects import FileObjects as FileObjects
    from ledger.storage.file_store import FileStore as FileStore
    from ledger.storage.memory_store import MemoryStore as MemoryStore
    from ledger.storage.objects import MemoryObjects as MemoryObjects
    from ledger.storage.objects import ObjectStore as ObjectStore
    from ledger.storage.objects import OverlayObjects as OverlayObjects
    from ledger.storage.store import Store as Store
    from ledger.tiles.publishing import Published as Published
    from ledger.trust.checkpoint import Checkpoint as Checkpoint
    from ledger.trust.cosignature import Cosigner as Cosigner
    from ledger.trust.cosignature import CosignerKey as CosignerKey
    from ledger.trust.endorsement import Endorsement as Endorsement
    from ledger.trust.endorsement import KeyHistory as KeyHistory
    from ledger.trust.endorsement import Pin as Pin
    from ledger.trust.endorsement import endorse as endorse
    from ledger.trust.epochs import Epoch as Epoch
    from ledger.trust.epochs import Epochs as Epochs
    from ledger.trust.equivocation import Equivocation as Equivocation
    from ledger.trust.equivocation import Finding as Finding
    from ledger.trust.equivocation import Judgement as Judgement
    from ledger.trust.equivocation import Prefix as Prefix
    from ledger.trust.kept import KeptHead as KeptHead
    from ledger.trust.kept import LogFacts as LogFacts
    from ledger.trust.keyring import KeyFile as KeyFile
    from ledger.trust.keyring import Keyring as Keyring
    from ledger.trust.keyring import refuse_inside as refuse_inside
    from ledger.trust.keys import PublicKey as PublicKey
    from ledger.trust.keys import Signer as Signer
    from ledger.trust.keys import load_key as load_key
    from ledger.trust.keys import load_or_create_key as load_or_create_key
    from ledger.trust.merkle import InclusionProof as InclusionProof
    from ledger.trust.merkle import leaf_hash as leaf_hash
    from ledger.trust.merkle import verify_inclusion as verify_inclusion
    from ledger.trust.tlog_proof import ConsistencyProof as ConsistencyProof
    from ledger.trust.tlog_proof import RecordProof as RecordProof
    from ledger.trust.tlog_proof import read_consistency_proof as read_consistency_proof
    from ledger.trust.tlog_proof import read_record_proof as read_record_proof
    from ledger.witness.policy import Policy as Policy
    from ledger.witness.policy import Witness as Witness
    from ledger.witness.policy import confirmations as confirmations
    from ledger.witness.policy import read_policy as read_policy
    from ledger.witness.witnesses import Witnesses as Witnesses

_LATE = {
    "epoch_age": "ledger.chain.age",
    "EPOCH_DAYS": "ledger.chain.age",
    "EpochAge": "ledger.chain.age",
    "reached": "ledger.chain.content",
    "reached_from": "ledger.chain.content",
    "Durability": "ledger.chain.durability",
    "TokenSignatureLedger": "ledger.chain.log",
    "Pruning": "ledger.chain.pruning",
    "publish": "ledger.chain.publication",
    "renew_tiles": "ledger.chain.publication",
    "stated_origin": "ledger.chain.stated",
    "drop_tail": "ledger.chain.tampering",
    "flip_byte": "ledger.chain.tampering",
    "rewrite_record": "ledger.chain.tampering",
    "swap_records": "ledger.chain.tampering",
    "FirstBad": "ledger.chain.verifying",
    "Status": "ledger.chain.verifying",
    "Verification": "ledger.chain.verifying",
    "verify": "ledger.chain.verifying",
    "AlgorithmMissing": "ledger.errors",
    "BodyTooLarge": "ledger.errors",
    "BundleError": "ledger.errors",
    "CanonicalError": "ledger.errors",
    "CertificateError": "ledger.errors",
    "CheckpointError": "ledger.errors",
    "ClockError": "ledger.errors",
    "ClosedError": "ledger.errors",
    "ConflictError": "ledger.errors",
    "DamagedError": "ledger.errors",
    "DiskFull": "ledger.errors",
    "DurabilityError": "ledger.errors",
    "EntryError": "ledger.errors",
    "EpochError": "ledger.errors",
    "EquivocationError": "ledger.errors",
    "FleetError": "ledger.errors",
    "FormatError": "ledger.errors",
    "Incomplete": "ledger.errors",
    "KeyExposed": "ledger.errors",
    "KeyFormatError": "ledger.errors",
    "KeyMisplaced": "ledger.errors",
    "KeyProblem": "ledger.errors",
    "LedgerError": "ledger.errors",
    "LedgerMissing": "ledger.errors",
    "NodeUnknown": "ledger.errors",
    "NoteError": "ledger.errors",
    "NotSealed": "ledger.errors",
    "ObjectDamaged": "ledger.errors",
    "ObjectMissing": "ledger.errors",
    "ObjectProblem": "ledger.errors",
    "ObjectTooLarge": "ledger.errors",
    "Obstructed": "ledger.errors",
    "PolicyError": "ledger.errors",
    "PrivacyError": "ledger.errors",
    "ProofError": "ledger.errors",
    "PrunedError": "ledger.errors",
    "QueryError": "ledger.errors",
    "QuorumError": "ledger.errors",
    "ReadOnlyError": "ledger.errors",
    "RollbackError": "ledger.errors",
    "SealedDamaged": "ledger.errors",
    "SealError": "ledger.errors",
    "ShreddedError": "ledger.errors",
    "SubjectKeyMissing": "ledger.errors",
    "SubjectRefused": "ledger.errors",
    "UnreadableError": "ledger.errors",
    "WitnessError": "ledger.errors",
    "WrongKey": "ledger.errors",
    "Bundle": "ledger.evidence.bundle",
    "read_bundle": "ledger.evidence.bundle",
    "write_bundle": "ledger.evidence.bundle",
    "write_car": "ledger.evidence.car",
    "export_lines": "ledger.evidence.exporting",
    "EXPORTS": "ledger.evidence.exporting",
    "write_export": "ledger.evidence.exporting",
    "write_verifier": "ledger.evidence.exporting",
    "admit": "ledger.evidence.importing",
    "rebuild": "ledger.evidence.importing",
    "decode": "ledger.form.canonical",
    "Certificate": "ledger.fleet.certificate",
    "read_certificate": "ledger.fleet.certificate",
    "FleetLog": "ledger.fleet.fleet_log",
    "merge_lines": "ledger.fleet.lines",
    "Fleet": "ledger.fleet.membership",
    "Member": "ledger.fleet.membership",
    "Merge": "ledger.fleet.merging",
    "Merged": "ledger.fleet.merging",
    "merge": "ledger.fleet.merging",
    "Obstruction": "ledger.fleet.obstruction",
    "LogView": "ledger.fleet.views",
    "View": "ledger.fleet.views",
    "Digest": "ledger.form.canonical",
    "digest": "ledger.form.canonical",
    "encode": "ledger.form.canonical",
    "Json": "ledger.form.canonical",
    "image_of": "ledger.form.images",
    "STATE_IMAGED": "ledger.form.images",
    "Author": "ledger.form.record",
    "body_of": "ledger.form.record",
    "Entry": "ledger.form.record",
    "Head": "ledger.form.record",
    "Record": "ledger.form.record",
    "referred": "ledger.form.references",
    "inner_loop": "ledger.native",
    "Sealed": "ledger.privacy.subjects",
    "Shredding": "ledger.privacy.subjects",
    "Subjects": "ledger.privacy.subjects",
    "Index": "ledger.query.index",
    "scan": "ledger.query.index",
    "RecordLines": "ledger.query.lines",
    "instant": "ledger.query.moments",
    "Query": "ledger.query.question",
    "tail": "ledger.query.tail",
    "needle": "ledger.query.words",
    "Needle": "ledger.query.words",
    "FileObjects": "ledger.storage.file_objects",
    "FileStore": "ledger.storage.file_store",
    "MemoryStore": "ledger.storage.memory_store",
    "MemoryObjects": "ledger.storage.objects",
    "ObjectStore": "ledger.storage.objects",
    "OverlayObjects": "ledger.storage.objects",
    "Store": "ledger.storage.store",
    "Published": "ledger.tiles.publishing",
    "Checkpoint": "ledger.trust.checkpoint",
    "Cosigner": "ledger.trust.cosignature",
    "CosignerKey": "ledger.trust.cosignature",
    "endorse": "ledger.trust.endorsement",
    "Endorsement": "ledger.trust.endorsement",
    "KeyHistory": "ledger.trust.endorsement",
    "Pin": "ledger.trust.endorsement",
    "Epoch": "ledger.trust.epochs",
    "Epochs": "ledger.trust.epochs",
    "Equivocation": "ledger.trust.equivocation",
    "Finding": "ledger.trust.equivocation",
    "Judgement": "ledger.trust.equivocation",
    "Prefix": "ledger.trust.equivocation",
    "KeptHead": "ledger.trust.kept",
    "LogFacts": "ledger.trust.kept",
    "KeyFile": "ledger.trust.keyring",
    "Keyring": "ledger.trust.keyring",
    "refuse_inside": "ledger.trust.keyring",
    "load_key": "ledger.trust.keys",
    "load_or_create_key": "ledger.trust.keys",
    "PublicKey": "ledger.trust.keys",
    "Signer": "ledger.trust.keys",
    "InclusionProof": "ledger.trust.merkle",
    "leaf_hash": "ledger.trust.merkle",
    "verify_inclusion": "ledger.trust.merkle",
    "ConsistencyProof": "ledger.trust.tlog_proof",
    "read_consistency_proof": "ledger.trust.tlog_proof",
    "read_record_proof": "ledger.trust.tlog_proof",
    "RecordProof": "ledger.trust.tlog_proof",
    "confirmations": "ledger.witness.policy",
    "Policy": "ledger.witness.policy",
    "read_policy": "ledger.witness.policy",
    "Witness": "ledger.witness.policy",
    "Witnesses": "ledger.witness.witnesses",
}

__all__ = list(_LATE)


def __getattr__(name: str) -> object:
    """Load a name when it is first wanted (PEP 562)."""
    from importlib import import_module  # noqa: PLC0415 - part of the late loading

    if name not in _LATE:
        raise AttributeError(f"module 'ledger' has no attribute {name!r}")
    value: object = getattr(import_module(_LATE[name]), name)
    globals()[name] = value  # the next look finds it
    return value
