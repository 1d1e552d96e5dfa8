"""What the eyes report to the index: values, never exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The time of a turn. `s` is observed time: monotonic, and standing still while we were down or asleep."""

    s: float
    wall_s: float  # seconds since the epoch, for what people read and for what must outlive the process


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSeen:
    """A settled manifest and what was found where it points. `manifest` is None where it cannot be read."""

    task_id: str
    path: str  # relative to the instruction
    sha256: str  # of the bytes of the manifest
    evidence_sha256: str  # over what was measured of the artifacts: changes when one of them does
    manifest: Manifest | None
    faults: tuple[Fault, ...]  # what does not parse or fit the schema
    artifact_faults: tuple[Fault, ...] = ()
    unresolved: frozenset[str] = frozenset()  # evidence texts that are paths to nowhere
    text: str = ""  # the manifest as the journal keeps it
    resolved: Mapping[str, str] = field(default_factory=dict)  # artifact path -> where it lies, without links
    stamp: str = ""  # what stat said of all that is named: while it is the same, nothing has to be read again
    remarks: tuple[str, ...] = ()  # what is no fault, and somebody should know
    warnings: tuple[Fault, ...] = ()  # what is odd in the file itself, and no fault either

    @property
    def key(self) -> str:
        """Names manifest and evidence together: a verdict is about both."""
        return f"{self.sha256}/{self.evidence_sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksDone:
    """The checks of a task have run. `faults` is empty when all of them hold."""

    task_id: str
    attempt: int
    key: str
    faults: tuple[Fault, ...]
    before: bool = False
    vacuous: tuple[str, ...] = ()  # criteria whose check passed although it had to fail before the work


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that the runner started: pid, start time and boot id together name it for ever."""

    pid: int
    started: float
    boot_id: str

    def to_json(self) -> Mapping[str, int | float | str]:
        """The three keys as they stand in the journal."""
        return {"pid": self.pid, "start_time": self.started, "boot_id": self.boot_id}
