"""What a guest writes never acts on a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from os2shell.repl.display import UNSAFE, escape


def test_control_sequences_become_visible() -> None:
    assert escape("\x1b[2J") == "\\x1b[2J"
    assert escape("a\x07b\x7f") == "a\\x07b\\x7f"
    assert escape("\x9b31m") == "\\x9b31m"
    assert escape("safe\u202etxt") == "safe\\u202etxt"


def test_plain_text_lines_and_progress_pass() -> None:
    assert escape("päß 10%\r20%\tend\n") == "päß 10%\r20%\tend\n"


@given(st.text())
def test_nothing_a_terminal_executes_is_left(text: str) -> None:
    assert not UNSAFE.search(escape(text))
