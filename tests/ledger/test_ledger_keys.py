"""Keys: their text, their files, who may read them."""

import subprocess
import sys
from pathlib import Path

import pytest

from ledger import (
    KeyExposed,
    KeyFormatError,
    NoteError,
    PublicKey,
    Signer,
    UnreadableError,
    WrongKey,
    load_key,
    load_or_create_key,
)

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
