"""What traces and trees name in turn is checked too, and told by the way that leads to it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import (
    Digest,
    Entry,
    TokenSignatureLedger,
    decode,
    digest,
    encode,
    read_bundle,
    verify,
)
from ledger.__main__ import main
from ledger.form.canonical import Json

Opened = Callable[[], TokenSignatureLedger]
FORM = "os2.tree/1"


class Written:
    """A log with two traces; ``names`` are its objects by where they stand."""

    def __init__(self, log: Path, open_ledger: Opened) -> None:
        self.log = log
        self.names: dict[str, Digest] = {}
        with open_ledger() as ledger:
            self._put = ledger.objects.put
            deep = self.tree("deep", {"f": [b"deepest.txt", self.put("deepest", b"deep below")]})
            rows = {"f": [b"main.py", self.put("main", b"print()")], "d": [b"sub\xff", deep]}
            tree = self.tree("tree", rows)
            out = self.put("out", b"x" * 5000)
            inner = ["read", {"before": tree}, {"stdout": content(out, 5000)}, []]
            trace = encode([["run", {"tree": tree, "note": b"x" * 32}, None, [inner]]])
            ledger.append(Entry("note", {}))
            ledger.append(
                Entry("end", {"trace": content(self.put("trace", trace), len(trace))}),
                Entry("end", {"trace": {**content(digest(trace), len(trace)), "data": trace}}),
            )

    def put(self, what: str, data: bytes) -> Digest:
        self.names[what] = self._put(data)
        return self.names[what]

    def tree(self, what: str, rows: dict[str, list[bytes]]) -> Digest:
        entries: list[Json] = [[name, kind, 0, held] for kind, (name, held) in rows.items()]
        entries.append([b"link", "l", 6, b"target"])
        return self.put(what, encode([FORM, entries]))

    def path(self, what: str) -> Path:
        name = self.names[what].hex()
        return self.log / "objects" / name[:2] / name[2:]


def content(name: Digest, size: int) -> dict[str, Json]:
    return {"size": size, "digest": name}


@pytest.fixture
def written(tmp_path: Path, open_ledger: Opened) -> Written:
    return Written(tmp_path / "log", open_ledger)


def test_all_of_them_are_counted(written: Written) -> None:
    found = verify(written.log, objects=True)
    assert found.status == "ok"
    assert len(written.names) == 6
    assert any(remark.startswith("6 objects hold") for remark in found.remarks)


@pytest.mark.parametrize(
    ("what", "way"),
    [
        ("trace", "trace"),
        ("tree", "trace[0][1].tree"),
        ("main", "trace[0][1].tree/main.py"),
        ("deep", "trace[0][1].tree/sub\ufffd"),
        ("deepest", "trace[0][1].tree/sub\ufffd/deepest.txt"),
        ("out", "trace[0][3][0][2].stdout"),
    ],
)
@pytest.mark.parametrize("how", ["removed", "altered"])
def test_one_that_does_not_hold_is_told_with_its_way(
    written: Written, what: str, way: str, how: str
) -> None:
    path = written.path(what)
    if how == "altered":
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    else:
        path.unlink()
    found = verify(written.log, objects=True)
    assert found.status == "broken"
    assert found.first_bad is not None
    assert found.first_bad.seq == 2
    assert f"its content, {way}: expected object {written.names[what].hex()}" in (
        found.first_bad.reason
    )
    assert verify(written.log).status == "ok"


@pytest.mark.parametrize("form", ["jsonl", "bundle", "car"])
def test_an_export_with_objects_holds_all_of_them(
    written: Written, tmp_path: Path, form: str
) -> None:
    out = tmp_path / "out"
    assert main(["export", str(written.log), "--format", form, "--objects", "--out", str(out)]) == 0
    if form == "jsonl":
        assert main(["import", str(out), "--into", str(tmp_path / "made")]) == 0
        assert verify(tmp_path / "made", objects=True).status == "ok"
    elif form == "bundle":
        with read_bundle(out) as bundle:
            assert all(bundle.objects.has(name) for name in written.names.values())
    else:
        held = out.read_bytes()
        assert all(name in held for name in written.names.values())


def test_an_export_of_what_is_not_there_is_refused(written: Written, tmp_path: Path) -> None:
    written.path("tree").unlink()
    out = tmp_path / "out"
    words = ["export", str(written.log), "--format", "jsonl", "--objects", "--out", str(out)]
    assert main(words) == 1
    assert not out.exists()


def test_bytes_that_look_like_a_tree_make_nobody_look_for_objects(
    tmp_path: Path, open_ledger: Opened
) -> None:
    """A program may print what it wants."""
    false = encode([FORM, [[b"a", "f", 0, bytes(32)]]])
    steps = encode([["run", {"tree": bytes(32)}, content(Digest(bytes(32)), 9), []]])
    with open_ledger() as ledger:
        for data in (false, steps):
            name = ledger.objects.put(data)
            held = content(name, len(data))
            trace = encode([["run", {"note": 1}, {"stdout": held}, []]])
            told: Json = {**content(digest(trace), len(trace)), "data": trace}
            ledger.append(Entry("end", {"stdout": held, "trace": told}, payload=name))
    found = verify(tmp_path / "log", objects=True)
    assert (found.status, found.first_bad) == ("ok", None)


@pytest.mark.parametrize(
    "data",
    [
        b"no canonical form",
        encode({"tree": bytes(32)}),
        encode([["run", {"tree": bytes(32)}, None]]),
        encode([["run", {"tree": bytes(32)}, None, ["no step"]]]),
        encode([["run", {"tree": b"too short"}, None, []]]),
    ],
)
def test_a_trace_of_another_form_names_nothing(
    tmp_path: Path, open_ledger: Opened, data: bytes
) -> None:
    with open_ledger() as ledger:
        name = ledger.objects.put(data)
        ledger.append(Entry("end", {"trace": content(name, len(data))}))
    assert verify(tmp_path / "log", objects=True).status == "ok"


def test_what_many_steps_name_is_followed_once(tmp_path: Path, open_ledger: Opened) -> None:
    with open_ledger() as ledger:
        tree = ledger.objects.put(encode([FORM, []]))
        steps: list[Json] = [["run", {"tree": tree, "after": tree}, None, []]] * 50
        trace = encode(steps)
        assert decode(trace) == steps
        ledger.append(Entry("end", {"trace": content(ledger.objects.put(trace), len(trace))}))
    found = verify(tmp_path / "log", objects=True, jobs=2)
    assert any(remark.startswith("2 objects hold") for remark in found.remarks)
