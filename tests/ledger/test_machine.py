"""A machine that appends, rotates, prunes, shreds, crashes and is looked at, in any order."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ledger import Digest, Entry, LedgerError, body_of, read_bundle, verify, write_bundle
from ledger.evidence.exporting import write_export
from ledger.evidence.importing import rebuild
from ledger.form.record import link, unsealed
from ledger.storage import segment
from tests.ledger import machine_room as room
from tests.ledger.faulty import Faults, Killed, Kind
from tests.ledger.machine_room import DEEDS, Disk, Known
from tests.ledger.power_cut import Left, PowerCut

DEED = st.sampled_from(sorted(DEEDS))
CALL = st.integers(1, 40)
CHOICE = st.integers(0, 2_000)


class Machine(RuleBasedStateMachine):
    """The rules are what an owner, an accident, or a stranger may do next."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(
            tempfile.mkdtemp(prefix="machine-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
        )
        self.disk = Disk(self.base / "0")
        self.boots = 0

    @initialize()
    def begin(self) -> None:
        self.disk.folder.mkdir()
        self.known = Known(self.disk.begin())
        self.ledger = self.disk.opened()
        room.settle(self.disk, self.known, self.ledger, 0)

    @rule(deed=DEED, choice=CHOICE)
    def do(self, deed: str, choice: int) -> None:
        before = self.known.serial
        DEEDS[deed](self.disk, self.known, self.ledger, choice)
        room.settle(self.disk, self.known, self.ledger, before)

    @rule(deed=DEED, choice=CHOICE, call=CALL, kind=st.sampled_from(sorted(Kind)))
    def fail(self, deed: str, choice: int, call: int, kind: str) -> None:
        """A call on the disk goes wrong while something is done; the process ends, or is killed."""
        before = self.known.serial
        with Faults(self.disk.folder, call, Kind(kind)):
            with suppress(Killed, LedgerError):
                DEEDS[deed](self.disk, self.known, self.ledger, choice)
            self._die()
        self._boot(before)

    @rule(deed=DEED, choice=CHOICE, call=CALL, left=st.sampled_from(sorted(Left)))
    def cut_the_power(self, deed: str, choice: int, call: int, left: str) -> None:
        self._reopen()  # what is there now is durable
        before = self.known.serial
        self.boots += 1
        after = self.base / str(self.boots)
        with PowerCut(self.disk.folder, call) as cut:
            with suppress(Killed, LedgerError):
                DEEDS[deed](self.disk, self.known, self.ledger, choice)
            self._die()
        cut.lay_out(after, Left(left))
        shutil.rmtree(self.disk.folder)
        self.disk = Disk(after)
        self._boot(before)

    @rule(rest=st.sampled_from(["unsigned", "half", "zeros"]))
    def leave_a_tail(self, rest: str) -> None:
        """What was written and never acknowledged is dropped, on record, and never adopted."""
        self.ledger.close()
        path = max((self.disk.log / "segments").iterdir())
        hlc = unsealed(self.known.told[-1], Digest(self.known.chain[-1])).hlc + 1
        body = body_of(Entry("forged", {}), len(self.known.told), hlc, "n1")
        frame = segment.record_frame(body, link(self.known.chain[-1], body))  # type: ignore[arg-type]
        tail = {"unsigned": frame, "half": frame[: len(frame) // 2], "zeros": bytes(90)}[rest]
        with path.open("ab") as file:
            file.write(tail)
        size = len(self.known.told)
        self._boot(self.known.serial)
        assert self.ledger.record(size).kind == "ledger.recovered"

    @rule()
    def reopen(self) -> None:
        self._reopen()

    @rule()
    def verify(self) -> None:
        room.audit(self.disk, self.known)

    @rule()
    def put_an_old_copy_back(self) -> None:
        """The head that was kept apart tells; nothing is lost by having tried."""
        self.ledger.close()
        shutil.copytree(self.disk.log, self.base / "old")
        self.ledger = self.disk.opened()
        before = self.known.serial
        DEEDS["append"](self.disk, self.known, self.ledger, 1)
        room.settle(self.disk, self.known, self.ledger, before)
        self.ledger.close()
        self.disk.log.rename(self.base / "true")
        (self.base / "old").rename(self.disk.log)
        with pytest.raises(LedgerError, match="the log was cut"):
            self.disk.opened()
        shutil.rmtree(self.disk.log)
        (self.base / "true").rename(self.disk.log)
        self.ledger = self.disk.opened()

    @rule(choice=CHOICE)
    def export(self, choice: int) -> None:
        """Evidence holds elsewhere, under the first key; a full export makes the ledger again."""
        first, size = self.ledger.first, len(self.known.told)
        seq = first + choice % (size - first)
        bundle, lines, copy = (self.base / name for name in ("b.os2z", "all.jsonl", "copy"))
        write_bundle(bundle, self.ledger, [seq], [])
        with read_bundle(bundle, self.known.trusted) as found:
            assert [record.body for record in found.records] == [self.known.told[seq]]
        bundle.unlink()
        if not first:
            write_export(lines, "jsonl", self.ledger)
            with lines.open("rb") as file:
                assert rebuild(file, copy, self.known.trusted).root == self.ledger.head.root
            assert verify(copy, self.known.trusted).status == "ok"
            shutil.rmtree(copy)
            lines.unlink()

    @invariant()
    def everything_holds(self) -> None:
        if hasattr(self, "known"):
            room.check(self.disk, self.known, self.ledger)

    def teardown(self) -> None:
        try:
            if hasattr(self, "known"):
                self.ledger.close()
                self.disk.let_go()
                room.audit(self.disk, self.known)
        finally:
            shutil.rmtree(self.base, ignore_errors=True)

    def _die(self) -> None:
        """The process is gone: descriptors and locks with it, and nothing is written any more."""
        with suppress(Killed, LedgerError):
            self.ledger.close()
        self.disk.let_go()

    def _boot(self, before: int) -> None:
        self.ledger = self.disk.opened()
        room.settle(self.disk, self.known, self.ledger, before)

    def _reopen(self) -> None:
        self.ledger.close()
        self._boot(self.known.serial)


QUICK = settings(
    max_examples=15,
    stateful_step_count=12,
    derandomize=True,
    report_multiple_bugs=False,
    phases=(Phase.generate,),  # a history that fails is told as it was: shrinking takes minutes
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.short_of("test_whatever_happens_for_longer_the_promises_hold")
def test_whatever_happens_the_promises_hold() -> None:
    run_state_machine_as_test(Machine, settings=QUICK)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whatever_happens_for_longer_the_promises_hold() -> None:
    """``OS2_MACHINES`` runs as many histories as somebody has time for, other ones every time.

    Without it they are the same in every run: more of them are worth a wait once, not each time.
    """
    more = int(os.environ.get("OS2_MACHINES", "0"))
    run_state_machine_as_test(
        Machine,
        settings=settings(
            QUICK,
            max_examples=more or 40,
            stateful_step_count=25,
            derandomize=not more,
        ),
    )
