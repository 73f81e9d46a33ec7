"""Which objects go with pruned records: those that nothing which stays may still mean."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import Digest, Entry, FileStore, Signer, TokenSignatureLedger, encode, verify
from ledger.errors import DamagedError
from ledger.form.canonical import Json
from tests.ledger.test_nested_content import FORM, content

OLD, NEW, AFTER = "old", "new", 12
"""Records of the pruned segments, records that stay, and how many filling ones lie between."""


class Log:
    """A log of small segments, and its objects by what the tests call them."""

    def __init__(self, ledger: TokenSignatureLedger, path: Path) -> None:
        self.ledger, self.path = ledger, path
        self.names: dict[str, Digest] = {}

    def put(self, what: str, data: bytes | None = None) -> Digest:
        self.names[what] = self.ledger.objects.put(what.encode() if data is None else data)
        return self.names[what]

    def tree(self, what: str, *files: Digest, folders: tuple[Digest, ...] = ()) -> Digest:
        rows: list[Json] = [[b"f%d" % n, "f", 3, each] for n, each in enumerate(files)]
        rows += [[b"g%d" % n, "d", 0, each] for n, each in enumerate(folders)]
        return self.put(what, encode([FORM, rows]))

    def trace(self, what: str, question: Json, answer: Json = None) -> Json:
        data = encode([["run", {"what": what}, None, [["asked", question, answer, []]]]])
        return {"trace": content(self.put(what, data), len(data))}

    def fill(self) -> None:
        for _ in range(AFTER):
            self.ledger.append(Entry("fill", {"t": "x" * 300}))

    def prune(self, before: int, keep: Callable[[Digest], bool] = lambda _: False) -> set[str]:
        """Prune; what is gone, by name."""
        planned = self.ledger.prune(before, keep=keep, dry_run=True)
        assert planned.segments, "the test is about what lies before"
        done = self.ledger.prune(before, keep=keep)
        gone = {what for what, name in self.names.items() if not self.ledger.objects.has(name)}
        assert done.objects == planned.objects == len({self.names[what] for what in gone})
        found = verify(self.path, objects=True)
        assert (found.status, found.first_bad) == ("ok", None)
        return gone

    def file(self, what: str) -> Path:
        name = self.names[what].hex()
        return self.path / "objects" / name[:2] / name[2:]


@pytest.fixture
def log(tmp_path: Path, signer: Signer, clock: Callable[[], int]) -> Log:
    store = FileStore(tmp_path / "log")
    ledger = TokenSignatureLedger(store, signer, clock=clock, node="n1", segment_bytes=2000)
    return Log(ledger, tmp_path / "log")


def test_what_only_pruned_traces_and_trees_name_goes(log: Log) -> None:
    shared = log.put("shared")
    deep = log.tree("deep", log.put("deepest"))
    old = log.tree("old tree", log.put("old file"), shared, folders=(deep,))
    out = log.put("old output")
    log.ledger.append(Entry("end", log.trace("old trace", {"tree": old}, content(out, 10))))
    log.fill()
    before = log.ledger.head.size
    new = log.tree("new tree", shared)
    log.ledger.append(Entry("end", log.trace("new trace", {"tree": new})))
    log.fill()
    gone = {"old trace", "old tree", "old file", "old output", "deep", "deepest"}
    assert log.prune(before) == gone


@pytest.mark.parametrize(
    "how",
    ["trace", "tree in a trace", "deep tree", "inline trace", "payload", "attribute", "32 bytes"],
)
def test_what_a_record_that_stays_leads_to_stays(log: Log, how: str) -> None:
    file = log.put("file")
    kept = log.tree("kept", file)
    gone = log.trace("old", {"tree": kept}, content(log.put("gone"), 4))
    log.ledger.append(Entry("end", gone))
    log.fill()
    before = log.ledger.head.size
    payload, attributes = None, {}
    match how:
        case "trace":
            attributes = log.trace("new", content(kept, 4), content(file, 4))
        case "tree in a trace":
            attributes = log.trace("new", {"after": kept})
        case "deep tree":
            attributes = log.trace("new", {"work": log.tree("above", folders=(kept,))})
        case "inline trace":
            data = encode([["run", {"packages": kept}, None, []]])
            attributes = {"trace": {**content(log.put("unused", data), len(data)), "data": data}}
        case "payload":
            payload, attributes = kept, {"also": content(file, 4)}
        case "attribute":
            attributes = {"environment": {"tree": kept}}
        case _:
            attributes = {"somewhere": [{"deep": [kept]}]}
    log.ledger.append(Entry("end", attributes, payload=payload))
    log.fill()
    assert log.prune(before) == {"old", "gone"}


def test_what_a_state_image_names_stays(log: Log) -> None:
    """The image is the application's own; what lies in an environment stands in it alone."""
    tree = log.tree("tree", log.put("file"))
    log.ledger.append(Entry("end", log.trace("old", {"tree": tree}, content(log.put("out"), 3))))
    log.fill()
    before = log.ledger.head.size
    image = log.put("image", encode({"environments": [1, {"numbers": [tree, None]}]}))
    log.ledger.append(Entry("state.imaged", {"image": image, "position": before}))
    log.fill()
    assert log.prune(before) == {"old", "out"}


def test_what_is_claimed_stays_with_all_that_it_leads_to(log: Log) -> None:
    tree = log.tree("tree", log.put("file"))
    log.ledger.append(Entry("end", log.trace("old", {"tree": tree})))
    log.fill()
    assert log.prune(log.ledger.head.size, lambda name: name == tree) == {"old"}


def test_a_tree_that_nobody_names_claims_what_it_names(log: Log) -> None:
    """As a capture leaves it when no record followed; the next one takes it to be whole."""
    file, other = log.put("file"), log.put("other")
    log.ledger.append(Entry("end", log.trace("old", {"tree": log.tree("tree", file, other)})))
    log.tree("unnamed", file)
    log.put("no tree", encode(["os2.tree/10", [[b"f", "f", 3, other]]]))
    log.fill()
    assert log.prune(log.ledger.head.size) == {"old", "tree", "other"}


@pytest.mark.parametrize("what", ["trace", "tree"])
@pytest.mark.parametrize("how", ["missing", "altered"])
def test_nothing_is_pruned_where_nobody_knows_what_is_meant(log: Log, what: str, how: str) -> None:
    file = log.put("file")
    log.ledger.append(Entry("end", log.trace("old", content(file, 4))))
    log.fill()
    before = log.ledger.head.size
    log.ledger.append(Entry("end", log.trace("trace", {"tree": log.tree("tree", file)})))
    log.fill()
    if how == "missing":
        log.file(what).unlink()
    else:
        log.file(what).chmod(0o644)
        log.file(what).write_bytes(b"another")
    segments = sorted((log.path / "segments").iterdir())
    with pytest.raises(DamagedError, match=f"record {before}: .*nothing was pruned"):
        log.ledger.prune(before, keep=lambda _: False)
    assert sorted((log.path / "segments").iterdir()) == segments
    assert log.ledger.objects.has(file)
    assert log.ledger.prune(before).segments, "without objects it may go on"


@pytest.mark.parametrize("how", ["missing", "altered"])
def test_what_goes_need_not_hold(log: Log, how: str) -> None:
    tree = log.tree("tree", log.put("file"))
    log.ledger.append(Entry("end", log.trace("old", {"tree": tree}, content(log.put("out"), 3))))
    log.fill()
    if how == "missing":
        log.file("tree").unlink()
    else:
        log.file("tree").chmod(0o644)
        log.file("tree").write_bytes(b"another")
    log.ledger.prune(log.ledger.head.size, keep=lambda _: False)
    there = {what for what, name in log.names.items() if log.ledger.objects.has(name)}
    assert there == {"file"}, "nobody knows that the tree named it"


def test_no_crash_leaves_a_tree_without_what_it_names(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [log.put(f"file {n}") for n in range(20)]
    trees = [log.tree(f"tree {n}", *files[n : n + 2]) for n in range(0, 20, 2)]
    log.ledger.append(Entry("end", log.trace("old", [{"tree": tree} for tree in trees])))
    log.fill()
    removed: list[str] = []
    real = os.unlink

    def unlink(name: str, **named: int) -> None:
        removed.append(name)
        real(name, **named)

    monkeypatch.setattr(os, "unlink", unlink)
    log.ledger.prune(log.ledger.head.size, keep=lambda _: False)
    went = [each for each in removed if each.startswith("objects/")]
    namers = {f"objects/{name.hex()[:2]}/{name.hex()[2:]}" for name in trees}
    last = max(went.index(each) for each in namers)
    first = min(went.index(f"objects/{name.hex()[:2]}/{name.hex()[2:]}") for name in files)
    assert last < first
