"""Who wrote a plan or a manifest under a name that nobody reads? That is said once, and nothing else comes of it."""

import os
from collections.abc import Iterator

from cagents_fs.core.index import Work
from cagents_fs.daemon.answering import answer
from cagents_fs.model.actions import Action
from cagents_fs.model.faults import Fault
from cagents_fs.model.ids import fold, misnamed
from cagents_fs.model.layout import MANIFEST, PLAN
from cagents_fs.store.tree import Scanner, is_linked

_STEM = MANIFEST.removesuffix(".yaml")


class Misnamed:
    """Near misses beside the places where plans and manifests are expected."""

    def __init__(self, root: str) -> None:
        """Nothing was met yet."""
        self.root = root
        self._met: dict[str, dict[str, str]] = {}  # instruction -> path of what is no manifest -> its task

    def plans(self, work: Work, scanner: Scanner) -> Iterator[Action]:
        """Look beside the plan. In a full look only, and there it is one stat while nothing changes."""
        folder = os.path.dirname(PLAN)
        if is_linked(os.path.join(self.root, work.id), folder):
            return
        try:
            names = scanner.names(os.path.join(self.root, work.id, folder))
        except OSError:
            return  # whether the plan itself can be read is asked elsewhere
        for name in names:
            yield from self._told(work, f"{folder}/{name}", PLAN, None, None)

    def met(self, work: Work, task_id: str, folder: str, name: str) -> None:
        """An entry of a task's output, in a scan that is made anyway. `name` is relative to the absolute `folder`.

        It is asked of every file that an agent writes, at every look: hence the short way out.
        """
        if fold(name[: len(_STEM)]) == _STEM and "/" not in name and misnamed(name, MANIFEST):
            path = os.path.relpath(os.path.join(folder, name), os.path.join(self.root, work.id))
            self._met.setdefault(work.id, {})[path] = task_id

    def manifests(self, work: Work) -> Iterator[Action]:
        """Tell of what was met in the outputs of an instruction since the last call."""
        for path, task_id in self._met.pop(work.id, {}).items():
            if (record := work.records.get(task_id)) is not None:
                meant = os.path.join(os.path.dirname(path), MANIFEST)
                yield from self._told(work, path, meant, record.holder, task_id)

    def _told(self, work: Work, path: str, meant: str, to: str | None, task_id: str | None) -> Iterator[Action]:
        why = misnamed(os.path.basename(path), os.path.basename(meant))
        if why is not None and not self._is_one(work, path, meant):
            yield from answer(work, path, [Fault("bad_name", why, path)], "name", to, task_id)

    def _is_one(self, work: Work, path: str, meant: str) -> bool:
        """Whether both names are names of one file, and it is read: a link, or a file system that folds case."""
        folder = os.path.join(self.root, work.id)
        try:
            return os.path.samefile(os.path.join(folder, path), os.path.join(folder, meant))
        except OSError:
            return False
