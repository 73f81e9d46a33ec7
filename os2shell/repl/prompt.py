"""The prompt: the shell as a person uses it. Ctrl-C stops what runs, Ctrl-D leaves.

prompt_toolkit draws it. Without a terminal ``repl.lines`` reads the same lines from a pipe.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from os2shell.repl.display import say
from os2shell.repl.lines import LEAVE, read_words
from os2shell.repl.shell import Shell

PROMPT = "os2> "


class Words(Completer):
    """Completes the command's name first, paths of the workspace after it."""

    def __init__(self, names: Iterable[str], workspace: Path) -> None:
        """Complete ``names`` and what lies below ``workspace``."""
        self._names = sorted(names)
        self._paths = PathCompleter(get_paths=lambda: [str(workspace)], expanduser=False)

    def get_completions(  # type: ignore[explicit-override]  # typing.override needs 3.12
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """Completions of the word before the cursor."""
        line = document.text_before_cursor.lstrip()
        if " " not in line:
            for name in self._names:
                if name.startswith(line):
                    yield Completion(name, start_position=-len(line))
            return
        word = line.rpartition(" ")[2]
        yield from self._paths.get_completions(Document(word, len(word)), complete_event)


def run_prompt(shell: Shell, workspace: Path, history: Path) -> int:
    """Read and run lines until the end; the exit code of the last command, 0 after Ctrl-D."""
    say(f"the shell in {workspace}; `help` lists the commands, Ctrl-D leaves")
    session = _session(shell, workspace, history)
    code = 0
    while True:
        try:
            words = _asked(shell, session)
            if words is None or (words and words[0] in LEAVE):
                return code
            if words:
                code = shell.run(words)
        except KeyboardInterrupt:
            continue  # at the prompt it drops the line, a late one what is still shown


def _asked(shell: Shell, session: PromptSession[str]) -> list[str] | None:
    """The words of the next line; None at the end of the input."""
    try:
        shell.warm()
        return read_words(session.prompt(PROMPT))
    except EOFError:
        return None


def _session(shell: Shell, workspace: Path, history: Path) -> PromptSession[str]:
    return PromptSession(
        history=_history(history),
        completer=Words([*shell.commands.names(), *LEAVE], workspace),
        complete_while_typing=False,
    )


def _history(path: Path) -> History:
    """Lines typed before; they may hold secrets, so the file is the user's alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
