"""What a fault of ours concerns is set aside, and the others go on.

Whoever goes from instruction to instruction says with which one he is busy (`Index.about`). The first fault with one of
them costs a turn: everything is read again from the tree. At the second it is held, and nobody looks at it or decides
about it. It is tried again later and later, and an attempt that fails costs the others no more than a turn. Faults that
concern no instruction in particular end the daemon when they are too many in a row.
"""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from cagents_fs.core.index import Index
from cagents_fs.daemon.holding import FIRST_PAUSE_S, Holding
from cagents_fs.daemon.trouble import Trouble
from cagents_fs.model.observations import Now
from cagents_fs.model.text import safe_text
from cagents_fs.picture import load
from cagents_fs.store.commit import Committer

log = logging.getLogger("cagents_fs")
MOST_FAILURES = 5  # in a row, that concern nobody in particular; then we leave, loudly
ADVICE = "please report it, with what the daemon's log says; it is tried again by itself, and at the next start"


@dataclass(slots=True)
class _Fault:
    """The last one that we had with an instruction. It is never forgotten: a second one is not the first."""

    said: str
    pause_s: float = 0.0  # how long it was held for it before it was tried again
    proven_s: float | None = None  # while it is tried: when, in observed seconds, that will have gone well for so long


class OurFaults:
    """Which instructions we have failed at."""

    def __init__(self, index: Index, committer: Committer, holding: Holding, trouble: Trouble) -> None:
        """None so far."""
        self.failed = False  # whether the last turn has, for one instruction: then the next is due at once
        self.said = ""  # the last one, whomever it concerned
        self._index, self._committer, self._holding, self._trouble = index, committer, holding, trouble
        self._failures = 0  # turns in a row that failed without any of them being concerned
        self._known: dict[str, _Fault] = {}

    def nobody(self) -> None:
        """From here on it is about no instruction in particular."""
        self._index.about = self._committer.about = None

    def met(self, error: Exception, now: Now, longest_s: float) -> None:
        """A turn has failed. Raises the error where none is concerned, and once too often.

        `longest_s`: how long one that is held waits at most before it is tried again.
        """
        instruction = self._committer.about or self._index.about
        self.nobody()
        self.said = safe_text(repr(error), 300)
        if not instruction or self._holding.is_aside(instruction):  # then it was not handled, and did not do it
            self._concerns_nobody(error, now)
            return
        self.failed, before = True, self._known.get(instruction)
        if before is None or before.said != self.said:
            text = "%s: this should not happen, please report it; everything is read again"
            log.error(text, instruction, exc_info=error, extra={"event": "fault", "instruction": instruction})
        if before is None:
            self._known[instruction] = _Fault(self.said)
        else:
            self._hold(instruction, before, now, longest_s)

    def _concerns_nobody(self, error: Exception, now: Now) -> None:
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            raise error
        log.error("this should not happen, please report it; the tree is read again", exc_info=error)
        self._trouble.begin(f"a fault in cagents-fs: {self.said}", now.s)

    def _hold(self, instruction: str, fault: _Fault, now: Now, longest_s: float) -> None:
        on_trial = fault.proven_s is not None or instruction in self._index.aside
        was_said = on_trial and fault.said == self.said
        self._index.aside.add(instruction)
        fault.said, fault.proven_s = self.said, None
        fault.pause_s = min(max(FIRST_PAUSE_S, 2 * fault.pause_s), longest_s * len(self._index.aside))
        reason = f"a fault in cagents-fs ({self.said}); {ADVICE}"
        self._holding.set_aside(instruction, reason, now, fault.pause_s)
        if not was_said:
            log.warning("%s is held: %s", instruction, reason, extra={"event": "held", "instruction": instruction})
        try:  # what was decided about it and not done is not so: others go by what the tree says of it
            self._index.replace(load(self._committer.root, instruction).work)
        except Exception:
            self._index.works.pop(instruction, None)

    def try_again(self, instruction: str, now: Now) -> None:
        """What was held was read again, and is handled from here on."""
        self._index.aside.discard(instruction)
        self._known[instruction].proven_s = now.s + self._known[instruction].pause_s

    def over(self, now: Now) -> None:
        """A turn has succeeded."""
        self._failures = 0
        for instruction, fault in self._known.items():
            if fault.proven_s is not None and now.s >= fault.proven_s:
                fault.proven_s = None
                log.warning("%s goes on", instruction, extra={"event": "goes_on", "instruction": instruction})


@contextlib.contextmanager
def only_told(what: str, *, but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """What nobody has to wait for: where it fails, that is told, and that is all. Raises what `but` names."""
    try:
        yield
    except but:
        raise
    except Exception:
        log.exception("%s: this should not happen, please report it", what)
