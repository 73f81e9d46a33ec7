"""Keys: their text, their files, who may read them."""

import subprocess
import sys
from pathlib import Path

import pytest

from ledger import (
    DurabilityError,
    KeyExposed,
    KeyFile,
    KeyFormatError,
    KeyMisplaced,
    KeyProblem,
    NoteError,
    PublicKey,
    Signer,
    UnreadableError,
    WrongKey,
    load_key,
    load_or_create_key,
)
from ledger.trust.keyring import refuse_inside
from ledger.trust.root_key import is_encrypted, read_root, write_root

ROOT = Path(__file__).parent.parent.parent


def test_created_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log"
    signer = load_or_create_key(path, "me.example/log")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_or_create_key(path, "me.example/log").public == signer.public
    assert load_key(path).name == "me.example/log"
    assert [p.name for p in path.parent.iterdir()] == ["log"]
    assert "PRIVATE" not in repr(signer)
    with pytest.raises(WrongKey):
        load_or_create_key(path, "other")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_key_that_others_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    load_or_create_key(path, "o")
    path.chmod(mode)
    with pytest.raises(KeyExposed):
        load_key(path)


@pytest.mark.parametrize("text", ["", "junk", "PRIVATE+KEY+a+b", "PRIVATE+KEY+a+00000000+AAAA"])
def test_what_is_no_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyFormatError, match="restore the file"):
        load_key(path)


def test_links_and_absent_files(tmp_path: Path) -> None:
    load_or_create_key(tmp_path / "key", "o")
    (tmp_path / "link").symlink_to(tmp_path / "key")
    for name in ("link", "absent"):
        with pytest.raises(UnreadableError):
            load_key(tmp_path / name)
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(KeyFormatError):
        load_key(tmp_path / "folder")


def test_two_processes_make_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ledger import load_or_create_key;"
        "print(load_or_create_key(Path(sys.argv[1]), 'o').public)"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "k" / "key")],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in running}) == 1
    assert [path.name for path in (tmp_path / "k").iterdir()] == ["key"]


def test_text_forms(signer: Signer) -> None:
    assert Signer.parse(signer.secret_text()).public == signer.public
    text = str(signer.public)
    for spoiled in (text[:-1], text.replace("+", "-"), "x" + text, text + "A", "", "a+b+c"):
        with pytest.raises(KeyFormatError):
            PublicKey.parse(spoiled)
    for name in ("", "a b", "a+b", "a\n"):
        with pytest.raises(KeyFormatError):
            Signer(name, bytes(32))
    with pytest.raises(KeyFormatError):
        Signer("o", b"short")


def test_another_key_did_not_sign(signer: Signer) -> None:
    note = signer.sign("text\n")
    signer.public.verify(note)
    with pytest.raises(NoteError):
        Signer(signer.name, bytes(32)).public.verify(note)
    with pytest.raises(NoteError):
        signer.public.verify(type(note)("other\n", note.signatures))
    with pytest.raises(NoteError):
        signer.public.verify(type(note)(note.text, note.signatures * 2))


def _ring(tmp_path: Path) -> KeyFile:
    return KeyFile.create(tmp_path / "keys" / "log", "o")


def _names(ring: KeyFile) -> list[str]:
    return sorted(path.name for path in ring.path.parent.iterdir())


def test_a_bare_signer_is_a_keyring_of_one_key(signer: Signer) -> None:
    assert signer.signer(signer.public) is signer
    assert not signer.settle(signer.public)
    other = Signer(signer.name, bytes(32)).public
    with pytest.raises(WrongKey, match="rotated"):
        signer.signer(other)
    with pytest.raises(WrongKey):
        signer.settle(other)
    with pytest.raises(KeyProblem, match="KeyFile"):
        signer.prepare()


def test_a_key_file_rotates(tmp_path: Path) -> None:
    ring = _ring(tmp_path)
    old = ring.public
    assert not ring.settle(old), "nothing was begun"
    fresh = ring.prepare().public
    assert ring.prepare().public == fresh, "a prepared key is kept until it is used"
    assert not ring.settle(old), "nobody named the new key yet"
    assert ring.signer(old).public == old
    assert ring.signer(fresh).public == fresh, "between recording and renaming"
    assert ring.settle(fresh)
    assert _names(ring) == ["log"]
    assert ring.path.stat().st_mode & 0o777 == 0o600
    assert load_key(ring.path).public == fresh == ring.public
    with pytest.raises(WrongKey, match="signs this ledger now"):
        ring.signer(old)


def test_another_holder_of_the_file_takes_the_new_key(tmp_path: Path) -> None:
    ring = _ring(tmp_path)
    held = KeyFile(ring.path)
    old, fresh = held.public, ring.prepare().public
    ring.settle(fresh)
    assert held.public == old, "what it holds in memory"
    assert held.signer(fresh).public == fresh, "it reads the file again"


@pytest.mark.parametrize("step", range(6))
def test_wherever_a_rotation_was_killed_it_goes_on(tmp_path: Path, step: int) -> None:
    """The steps after recording, as the crash left them; see the module's docstring."""
    ring = _ring(tmp_path)
    old_path, path = ring.path.with_name("log.old"), ring.path
    before, fresh = path.read_bytes(), ring.prepare().public
    if step >= 1:
        old_path.hardlink_to(path)
    if step >= 2:
        path.with_name("log.next").rename(path)
    if step >= 3:
        old_path.write_bytes(before[:40] + bytes(len(before) - 40))
    if step >= 4:
        old_path.write_bytes(bytes(len(before)))
    if step >= 5:
        old_path.unlink()
    again = KeyFile(path)
    assert again.signer(fresh).public == fresh
    assert again.settle(fresh) == (step < 5)
    assert _names(again) == ["log"]
    assert load_key(path).public == fresh
    assert not again.settle(fresh)


def test_destroyed_means_overwritten_under_every_name(tmp_path: Path) -> None:
    ring = _ring(tmp_path)
    secret = ring.path.read_bytes()
    spare = ring.path.with_name(".log.1-abcd")  # what a kill between link and unlink leaves
    spare.hardlink_to(ring.path)
    holder = ring.path.open("rb")
    ring.settle(ring.prepare().public)
    with holder:
        assert holder.read() == bytes(len(secret)), "the bytes on the disk, not only their name"
    assert spare.read_bytes() == bytes(len(secret))
    everything = b"".join(path.read_bytes() for path in ring.path.parent.iterdir())
    assert secret not in everything


def test_rotation_wants_a_folder_of_its_own(tmp_path: Path) -> None:
    ring = _ring(tmp_path)
    ring.path.parent.chmod(0o770)
    with pytest.raises(KeyExposed, match="chmod 700"):
        ring.prepare()
    ring.path.parent.chmod(0o700)
    assert ring.prepare().name == "o"


def test_keys_stay_out_of_what_they_sign(tmp_path: Path) -> None:
    ledger = tmp_path / "work" / "ledger"
    ledger.mkdir(parents=True)
    (tmp_path / "link").symlink_to(ledger)
    for place in (ledger, ledger / "key", ledger / "a" / "b", tmp_path / "link" / "key"):
        with pytest.raises(KeyMisplaced, match="keep it elsewhere"):
            refuse_inside(place, ledger)
    for place in (tmp_path / "key", ledger.parent / "ledger.key"):
        refuse_inside(place, ledger)


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_root_keys_come_back(tmp_path: Path, passphrase: str | None) -> None:
    path, root = tmp_path / "offline" / "root", Signer("root.example", bytes(range(32)))
    write_root(path, root, passphrase)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert is_encrypted(path) == (passphrase is not None)
    assert read_root(path, passphrase).public == root.public
    with pytest.raises(DurabilityError, match="choose another name"):
        write_root(path, root, passphrase)
    path.chmod(0o640)
    with pytest.raises(KeyExposed):
        read_root(path, passphrase)
    with pytest.raises(UnreadableError):
        read_root(tmp_path / "absent", passphrase)


def test_an_encrypted_root_key_shows_nothing(tmp_path: Path) -> None:
    path, root = tmp_path / "root", Signer("root.example", bytes(range(32)))
    write_root(path, root, "correct horse")
    text = path.read_text()
    assert str(root.public) in text
    assert root.secret_text() not in text
    for wrong in (None, "", "correct horsf"):
        with pytest.raises(KeyFormatError, match="passphrase"):
            read_root(path, wrong)
    lines = text.splitlines()
    heavy = lines[2].rsplit(" ", 1)[0] + " 999999999"
    for spoiled in ([*lines[:3]], [*lines[:2], heavy, lines[3]], [*lines[:3], lines[3][:-9]]):
        path.write_text("\n".join(spoiled) + "\n")
        with pytest.raises(KeyFormatError):
            read_root(path, "correct horse")
    other = Signer("root.example", bytes(32)).public
    path.write_text("\n".join([lines[0], str(other), *lines[2:]]) + "\n")
    with pytest.raises(KeyFormatError, match=str(root.public.key_id.hex())):
        read_root(path, "correct horse")
