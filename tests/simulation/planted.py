"""Faults that we plant in the daemon, to see that the simulation finds them: each with the check that has to."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

from cagents_fs.daemon.settling import Settling
from cagents_fs.model.actions import Move
from cagents_fs.model.files import Task
from cagents_fs.model.policy import Policy
from cagents_fs.rules import completion, liveness, reconcile, retries
from cagents_fs.store.changes import Renames
from cagents_fs.store.commit import Committer


def _nothing(*_: Any) -> tuple[()]:
    return ()


def _untold(self: Any, batch: Any, position: int, action: Any, now: Any) -> None:
    if not isinstance(action, Move) or len(batch.after) % 7 != 3:
        _tell(self, batch, position, action, now)


def _thrown_away(self: Any, task_id: str, *_: Any) -> None:
    shutil.rmtree(f"{self.folder}/outputs/partial/{task_id}", ignore_errors=True)


def _first_only(self: Task) -> tuple[str, ...]:
    return _blocking(self)[:1]


def _again(*arguments: Any, **options: Any) -> Move:
    move = _next_attempt(*arguments, **options)
    return Move(**{name: getattr(move, name) for name in move.__slots__} | {"attempt": move.attempt - 1})


@contextmanager
def _unrecovered() -> Any:
    rules = tuple(rule for rule in reconcile.RULES if not rule.__module__.endswith("recovery"))
    with patch.object(reconcile, "RULES", rules):
        yield


_tell, _blocking, _next_attempt = Committer._tell, Task.blocking, retries.again
Plant = Callable[[], AbstractContextManager[Any]]
PLANTS: dict[str, tuple[Plant, str]] = {
    "manifests are believed": (lambda: patch.object(completion, "content_faults", _nothing), "i6_|law4_"),
    "attempts are not fenced": (lambda: patch.object(completion, "identity_faults", _nothing), "i12_"),
    "half files are read": (lambda: patch.object(Settling, "wait_s", lambda *_: None), "i7_"),
    "some renames are not told": (lambda: patch.object(Committer, "_tell", _untold), "i1_|i4_"),
    "intents are not completed": (_unrecovered, "replay_|i4_"),
    "leases are short": (lambda: patch.object(liveness, "lease_s", lambda *_: 20.0), "i11_"),
    "there are no limits": (lambda: patch.object(Policy, "mode_limit", lambda *_: 99), "limits_|claims_"),
    "output is thrown away": (lambda: patch.object(Renames, "_sweep", _thrown_away), "i2_"),
    "one dependency counts": (lambda: patch.object(Task, "blocking", _first_only), "law4_"),
    "attempts do not rise": (lambda: patch.object(retries, "again", _again), "i4_|i12_"),
}
