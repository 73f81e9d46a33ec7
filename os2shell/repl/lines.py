"""Lines: the shell without a terminal, fed from a pipe or a file."""

import sys

from os2shell.model.errors import Os2Error
from os2shell.repl.display import say
from os2shell.repl.shell import Shell, split_line

LEAVE = frozenset({"exit", "quit"})


def run_lines(shell: Shell) -> int:
    """Run every line of standard input; the first bad exit code."""
    first_bad = 0
    for line in sys.stdin:
        words = read_words(line)
        if words and words[0] in LEAVE:
            break
        if words:
            first_bad = shell.run(words) or first_bad
    return first_bad


def read_words(line: str) -> list[str]:
    """The words of ``line``; none, and a message, where it cannot be split."""
    try:
        return split_line(line)
    except Os2Error as error:
        say(str(error))
        return []
