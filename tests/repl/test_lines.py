"""The shell without a terminal, and what stands before a command's name."""

from tests.house import Os2


def test_lines_from_a_pipe(os2: Os2) -> None:
    ran = os2.run(
        stdin=b"pyvm --eval 1\n# a comment\n\npyvm --eval '2\nnothing\npyvm --eval 3\n", code=127
    )
    assert ran.text == "1\n3\n"
    assert "cannot be split" in ran.errors
    assert "unknown command 'nothing'" in ran.errors


def test_exit_leaves(os2: Os2) -> None:
    assert os2.run(stdin=b"pyvm --eval 1\nexit\npyvm --eval 2\n").text == "1\n"


def test_help_names_every_command_and_explains_each(os2: Os2) -> None:
    overview = os2.run("help").text
    assert os2.run("--help").text == overview
    for name in ("python", "pyvm", "python-verify", "ledger", "doctor", "help"):
        assert f"\n  {name} " in overview
        told = os2.run("help", name).text
        assert told.startswith(f"{name} — ")
        assert "usage" in told
    assert not (os2.workspace / ".os2").exists(), "looking leaves nothing behind"


def test_version_and_other_folder(os2: Os2) -> None:
    assert os2.run("--version").text.startswith("os2shell ")
    other = os2.home / "other"
    other.mkdir()
    os2.run("-C", str(other), "pyvm", "--eval", "1")
    assert (other / ".os2" / "ledger").is_dir()
    assert not (os2.workspace / ".os2").exists()
    os2.run("-C", code=2)
    os2.run(f"--workspace={other}", "ledger", "verify")
