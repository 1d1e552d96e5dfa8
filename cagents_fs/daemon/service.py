"""The daemon's life: the lock, the signals, the wiring, `watch`, `watch --once`, `run`."""

import logging
import math
import os
import selectors
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from cagents_fs import __version__, config
from cagents_fs.core.index import Index
from cagents_fs.daemon.checking import Checking
from cagents_fs.daemon.clock import ObservedClock
from cagents_fs.daemon.eyes import Eyes
from cagents_fs.daemon.hands import Hands
from cagents_fs.daemon.loop import Loop
from cagents_fs.daemon.our_faults import only_told
from cagents_fs.daemon.ownership import check_owner, make_private
from cagents_fs.daemon.settling import Settling
from cagents_fs.daemon.trouble import storage_text
from cagents_fs.daemon.watch import Watcher
from cagents_fs.daemon.watch_file import WatchFile
from cagents_fs.errors import CagentsError, StorageError, TreeLost
from cagents_fs.jobs import check_mark
from cagents_fs.model.actions import Action
from cagents_fs.model.layout import CONFIG, PRIVATE_FOLDERS, TREE_FOLDERS
from cagents_fs.model.lines import iso
from cagents_fs.model.policy import Policy
from cagents_fs.runner.checks import end_leftover_checks
from cagents_fs.runner.processes import Processes, boot_id
from cagents_fs.store import probe
from cagents_fs.store.commit import Committer
from cagents_fs.store.disk import make_folders, put
from cagents_fs.store.dump import dump
from cagents_fs.store.locks import FACTS, TreeLock, our_facts
from cagents_fs.store.reading import Signature

log = logging.getLogger("cagents_fs")
PATIENCE_S = 10.0  # of `once` with a file system that refuses
OVERFLOW_EVERY_S = 60.0  # a queue that is too short overflows all the time, and is named once a minute


class Skipped:
    """Says what could not be written although nothing was lost by it."""

    def skipped(self, action: Action, error: OSError) -> None:
        """A message or a copy could not be written."""
        kind = type(action).__name__
        log.warning("%s: could not write this %s: %s", error.filename, kind, error.strerror, extra={"event": "skipped"})


class Service:
    """One daemon on one tree, from taking the lock to giving it back."""

    def __init__(
        self, root: str, *, agents: int | None = None, only: str | None = None, allow_root: bool = False
    ) -> None:
        """`agents`: how many processes the runner may start, None for no runner; `only`: for which instruction.

        `allow_root`: be root in a tree that belongs to somebody else.
        """
        self.root = os.path.realpath(root)
        self.agents, self.only, self.allow_root = agents, only, allow_root
        self.lock = TreeLock(self.root)
        self.stopping = False
        self.reload = False
        self._overflow_said_s = -math.inf
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> "Service":
        """Take the tree. Raises HeldByAnother, StorageError, InvalidTree."""
        try:
            check_owner(self.root, allow_root=self.allow_root)
            make_folders(self.root, TREE_FOLDERS)
            self.lock.take()
            make_private(os.path.join(self.root, folder) for folder in PRIVATE_FOLDERS)
            facts = dump(our_facts(__version__, boot_id(), iso(time.time()))).encode()
            put(os.path.join(self.root, FACTS), facts, durable=False, mode=0o600)
            self._wire()
        except OSError as error:
            self.lock.release()
            raise StorageError(storage_text(error, self.root, trying="nothing was done")) from error
        except CagentsError:
            self.lock.release()
            raise
        return self

    def _wire(self) -> None:
        self._config_stamp = self._config_seen = config.stamp(self.root)  # before reading: a change is seen later
        self._config_since_s = time.monotonic()
        self.configuration = config.load(self.root)
        self._say_faults()
        policy = self.configuration.policy
        self.index = Index(hands=0, staffed_only=self.only)
        way = probe.start(self.root, policy.watch)
        self.watcher = Watcher(events=way.events, why=way.why, trusted=way.trusted)
        self.clock = ObservedClock()
        self.settling = Settling(policy.settle_s)
        durable = policy.durability == "power_loss"
        self.committer = Committer(self.root, Skipped(), power_loss=durable, lost=self.lock.lost)
        self.eyes = Eyes(self.index, self.committer, self.watcher, self.settling, self.policy)
        self.checking = Checking(self.watcher.wake)
        self.processes = Processes(self._watch_fd, self._unwatch_fd)
        self.hands = Hands(self.index, self.committer, self.processes, self.eyes.work_eyes, self.policy)
        self.loop = Loop(self.index, self.eyes, self.hands, self.committer, self.checking, self.clock, self.policy)
        self.watch_file = WatchFile(self.root, way.why, self.watcher, self.eyes.holding, self.loop.trouble)
        self._selector.register(self.watcher.wake_fd, selectors.EVENT_READ)
        self.watcher.add(self.root)
        self.watcher.add(os.path.join(self.root, CONFIG))

    def _watch_fd(self, descriptor: int) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ)

    def _unwatch_fd(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)

    def policy(self) -> Policy:
        """The configuration in force."""
        return self.configuration.policy

    def _say_faults(self) -> None:
        for fault in self.configuration.faults:
            log.warning("%s; the value before stays in force", fault, extra={"event": "configuration"})

    # -- life ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The first look: recover, end what a killed daemon left behind, take in what is there."""
        end_leftover_checks(check_mark(self.root))
        self.loop.turn(everything=True)
        while self.loop.faults.failed:  # with one instruction: it is set aside, and the others begin without it
            self.loop.turn(everything=True)
        for work in self.index.each():
            work.touched.update(dict.fromkeys(work.records))
            self.loop.take_up(work, self.clock.now())
        self.settling.starting = False
        self.index.hands = self.agents or 0  # not before: nothing is started twice beside what is left over
        self.loop.wake_s = 0.0
        self.watch_file.step()

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Turn until stopped, or until something is so. Raises TreeLost where the tree is gone or another one."""
        while not (self.stopping or until()):
            self._sleep()
            self._still_there()
            self._reconfigure()
            hints, overflow = self.watcher.take()
            if overflow:
                self._say_overflow()
                self.loop.look_soon()
            self.loop.turn(hints)
            self.watch_file.step()

    def _say_overflow(self) -> None:
        if time.monotonic() >= self._overflow_said_s + OVERFLOW_EVERY_S:
            self._overflow_said_s = time.monotonic()
            text = "events were lost (%d times so far); the tree is looked through instead"
            log.warning(text, self.watcher.overflows, extra={"event": "overflow"})

    def _sleep(self) -> None:
        now = self.clock.now()
        next_s = min(self.loop.next_s(), self.hands.beats.beat(now) if len(self.processes) else now.s + 3600.0)
        timeout_s = max(0.0, next_s - now.s)
        kill_s = self.processes.next_kill_in_s()
        if kill_s is not None:
            timeout_s = min(timeout_s, kill_s)
        written_s = self.watch_file.next_in_s()
        if written_s is not None:
            timeout_s = min(timeout_s, written_s)
        if self._config_seen != self._config_stamp:  # it has changed, and has to come to rest
            timeout_s = min(timeout_s, max(0.05, self.settling.settle_s / 2))
        if timeout_s > 0.05:
            try:
                self.committer.flush()
            except OSError as error:
                log.error(storage_text(error, self.root), extra={"event": "storage"})
        self.clock.plan(timeout_s)
        self._selector.select(min(timeout_s, 60.0))

    def _reconfigure(self) -> None:
        stamp = config.stamp(self.root)
        if not self.reload and (stamp == self._config_stamp or not self._rests(stamp)):
            self._config_seen = stamp
            return
        self._config_seen, self._config_stamp, self.reload = stamp, stamp, False
        with only_told("the configuration, of which the last good one holds", but=(OSError, CagentsError)):
            self.configuration = config.load(self.root, previous=self.policy())
        self.settling.settle_s = self.policy().settle_s
        self.committer.power_loss = self.policy().durability == "power_loss"
        self._say_faults()
        log.info("the configuration was read again", extra={"event": "configuration"})

    def _rests(self, stamp: tuple[Signature | None, ...]) -> bool:
        """Whether the configuration has settled, as any other file: half a number is a number, too."""
        if stamp != self._config_seen:
            self._config_since_s = time.monotonic()
        settled = time.monotonic() - self._config_since_s >= self.settling.settle_s
        return settled and not config.is_being_written(self.root)

    def _still_there(self) -> None:
        if (why := self.lock.lost()) is not None:
            raise TreeLost(why)

    def once(self) -> None:
        """Act until nothing is left to do now: what is there has settled, checks have run.

        Raises StorageError where the file system has refused for ten seconds: nobody waits here for it to be mended.
        """
        self.begin()
        self.run(until=self._idle)

    def _idle(self) -> bool:
        waiting = self.eyes.wake_s() is not None or self.eyes.work_eyes.unsettled
        busy = self.checking.pending or self.loop.derived.busy or self.loop.moved or len(self.processes)
        if self.loop.moved:  # nothing wakes us where no events arrive: one more turn says whether that was all
            self.loop.wake_s = 0.0
        trouble = self.loop.trouble
        if self.loop.faults.failed:
            return False
        if trouble.said and self.clock.now().s - trouble.since_s > PATIENCE_S:
            raise StorageError(trouble.said)
        return not (waiting or busy or trouble.said)

    def _write_what_is_left(self) -> None:
        """Derived files, for a second at most: what is not written now is written by the next daemon."""
        deadline_s = time.monotonic() + 1.0
        self.loop.derived.hasten()
        while self.loop.derived.busy and time.monotonic() < deadline_s:
            self.loop.derive(self.clock.now())

    def stop(self) -> None:
        """Leave at the next opportunity. Safe in a signal handler, also before the tree is taken."""
        self.stopping = True
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look what has changed. Safe in a signal handler."""
        watcher = getattr(self, "watcher", None)
        if watcher is not None:
            watcher.wake()

    def __exit__(self, *_: object) -> None:
        """End everything that was started, make everything durable, give the lock back."""
        try:
            if self.lock.lost() is None:
                self.hands.close(self.clock.now())
                self._write_what_is_left()
            else:  # somebody else may be the daemon by now: not a word into its tree
                self.processes.end_all()
        except TreeLost as error:
            log.error(error.message, extra={"event": "tree_lost"})
        except OSError as error:
            log.error(storage_text(error, self.root), extra={"event": "storage"})
        self.checking.close()
        try:
            self.committer.close()
        except OSError as error:
            log.error(storage_text(error, self.root), extra={"event": "storage"})
        self.watcher.close()
        self.eyes.holding.mounts.close()
        self._selector.close()
        self.lock.release()


def handle_signals(service: Service) -> None:
    """SIGTERM and SIGINT end the service, a second one at once; SIGHUP reads the configuration again."""
    if threading.current_thread() is not threading.main_thread():
        return

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler
        if service.stopping:
            raise KeyboardInterrupt
        service.stop()

    def again(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler
        service.reload = True
        service.wake()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, again)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, every process would seem to have ended with 0
