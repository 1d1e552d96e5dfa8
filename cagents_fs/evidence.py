"""From the bytes of a manifest to what the rules judge: parsed, measured, looked up."""

import hashlib
import os

from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Manifest
from cagents_fs.model.observations import ManifestSeen
from cagents_fs.store.check import check
from cagents_fs.store.evidence import Located, Roots, evidence_path, examine, find, resolves
from cagents_fs.store.yaml import Unreadable, parse_mapping


def gather(
    task_id: str,
    path: str,
    data: bytes,
    faults: tuple[Fault, ...],
    roots: Roots,
    wall_s: float,
    settle_s: float,
) -> ManifestSeen | None:
    """Read a manifest and measure what it names; None while an artifact that does not match is too young to judge."""
    manifest, warnings = None, faults
    if not faults:
        manifest, warnings = _read(data, path)
    sha256 = hashlib.sha256(data).hexdigest()
    if manifest is None:
        return ManifestSeen(
            task_id=task_id, path=path, sha256=sha256, evidence_sha256="", manifest=None, faults=warnings
        )
    measured = _measured(manifest, roots, wall_s, settle_s)
    if measured is None:
        return None
    artifact_faults, marks, resolved = measured
    unresolved = frozenset(
        claim.evidence
        for claim in manifest.acceptance_criteria_met
        if claim.evidence and (place := evidence_path(claim.evidence)) and not resolves(place, roots)
    )
    evidence = "\0".join([*marks, *sorted(unresolved)]).encode(errors="backslashreplace")
    return ManifestSeen(
        task_id=task_id,
        path=path,
        sha256=sha256,
        evidence_sha256=hashlib.sha256(evidence).hexdigest(),
        manifest=manifest,
        faults=(),
        artifact_faults=artifact_faults,
        unresolved=unresolved,
        text=data.decode(errors="backslashreplace"),
        resolved=resolved,
    )


def _measured(
    manifest: Manifest, roots: Roots, wall_s: float, settle_s: float
) -> tuple[tuple[Fault, ...], list[str], dict[str, str]] | None:
    """The faults of all artifacts, what was measured, and where; None while one that does not match is too young."""
    faults: list[Fault] = []
    marks: list[str] = []
    resolved: dict[str, str] = {}
    for artifact in manifest.artifacts:
        claimed = artifact.checksum.lower()
        claimed = claimed if claimed.startswith("sha256:") else f"sha256:{claimed}"
        examined = examine(artifact.path, artifact.size_bytes, claimed, roots, now=wall_s, settle_seconds=settle_s)
        if examined.young:
            return None
        faults.extend(examined.faults)
        found = examined.measured
        marks.append(f"{artifact.path}\0{found.size}\0{found.sha256}" if found else f"{artifact.path}\0-")
        if examined.real_path:
            resolved[artifact.path] = examined.real_path
    return tuple(faults), marks, resolved


def _read(data: bytes, path: str) -> tuple[Manifest | None, tuple[Fault, ...]]:
    try:
        checked = check(parse_mapping(data), Manifest, path)
    except Unreadable as error:
        return None, tuple(Fault("unparsable", f.message, path, f.line, f.column) for f in error.faults)
    return checked.value, tuple(Fault("schema", f.message, path, f.line, f.column) for f in checked.faults)


def stamp(seen: ManifestSeen, roots: Roots) -> str:
    """What stat says of everything a manifest names: while it is the same, nothing has to be read again."""
    if seen.manifest is None:
        return ""
    marks = []
    for artifact in seen.manifest.artifacts:
        located = find(artifact.path, roots)
        if not isinstance(located, Located):
            marks.append("-")
            continue
        try:
            facts = os.lstat(located.real_path)
        except OSError:
            marks.append("-")
        else:
            marks.append(f"{facts.st_ino}.{facts.st_size}.{facts.st_mtime_ns}.{facts.st_ctime_ns}")
    claims = seen.manifest.acceptance_criteria_met
    places = [place for claim in claims if claim.evidence and (place := evidence_path(claim.evidence))]
    marks.extend(str(resolves(place, roots)) for place in places)
    return "/".join(marks)
