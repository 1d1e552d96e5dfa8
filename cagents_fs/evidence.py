"""From a manifest's bytes to what the rules judge: parsed, measured, looked up."""

import hashlib
import os
from collections import Counter
from dataclasses import replace

from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Manifest
from cagents_fs.model.observations import ManifestSeen
from cagents_fs.store.check import Checked, check
from cagents_fs.store.evidence import (
    LOOKING_COSTS,
    Budget,
    Examined,
    Located,
    Roots,
    Steps,
    at_once,
    evidence_path,
    examining,
    find,
    resolves,
)
from cagents_fs.store.yaml import Unreadable, parse_mapping

PARSING_COSTS = 256  # bytes that could be hashed in the time that parsing one byte takes
MOST_REMARKS = 10  # of a manifest


def gather(
    task_id: str,
    path: str,
    data: bytes,
    roots: Roots,
    wall_s: float,
    budget: Budget | None = None,
) -> ManifestSeen:
    """Read a manifest and measure what it names, here and now."""
    seen = at_once(gathering(task_id, path, data, (), roots, wall_s, 0.0, budget))
    assert seen is not None  # nothing is waited for where nothing has to settle
    return seen


def gathering(
    task_id: str,
    path: str,
    data: bytes,
    faults: tuple[Fault, ...],
    roots: Roots,
    wall_s: float,
    settle_s: float,
    budget: Budget | None = None,
) -> Steps[ManifestSeen | None]:
    """In steps: what a manifest says and what is where it points; None while an artifact that does not match is young.

    Each step says first how many bytes it is about to read, or could have read in the time that it will take.
    """
    checked = Checked[Manifest](None, faults, ())
    if not faults:
        yield len(data) * PARSING_COSTS
        checked = _read(data, path)
    manifest, sha256 = checked.value, hashlib.sha256(data).hexdigest()
    if manifest is None:
        wrong = checked.faults
        return ManifestSeen(task_id=task_id, path=path, sha256=sha256, evidence_sha256="", manifest=None, faults=wrong)
    examined: list[Examined] = []
    for artifact in manifest.artifacts:
        claimed = artifact.checksum.lower()
        claimed = claimed if claimed.startswith("sha256:") else f"sha256:{claimed}"
        claim = (artifact.path, artifact.size_bytes, claimed)
        one = yield from examining(*claim, roots, now=wall_s, settle_seconds=settle_s, budget=budget)
        if one.young:
            return None
        examined.append(one)
    there: dict[str, bool] = {}
    for place in _places(manifest):
        yield LOOKING_COSTS
        there[place] = resolves(place, roots)
    seen = _seen(task_id, path, data, sha256, manifest, examined, there)
    return replace(seen, warnings=checked.warnings)


def _seen(
    task_id: str,
    path: str,
    data: bytes,
    sha256: str,
    manifest: Manifest,
    examined: list[Examined],
    there: dict[str, bool],
) -> ManifestSeen:
    unresolved = frozenset(
        claim.evidence
        for claim in manifest.acceptance_criteria_met
        if claim.evidence and (place := evidence_path(claim.evidence)) and not there[place]
    )
    both = list(zip(manifest.artifacts, examined, strict=True))
    marks = [
        f"{artifact.path}\0{one.measured.size}\0{one.measured.sha256}" if one.measured else f"{artifact.path}\0-"
        for artifact, one in both
    ]
    evidence = "\0".join([*marks, *sorted(unresolved)]).encode(errors="backslashreplace")
    return ManifestSeen(
        task_id=task_id,
        path=path,
        sha256=sha256,
        evidence_sha256=hashlib.sha256(evidence).hexdigest(),
        manifest=manifest,
        faults=(),
        artifact_faults=tuple(found for one in examined for found in one.faults),
        unresolved=unresolved,
        text=data.decode(errors="backslashreplace"),
        resolved={artifact.path: one.real_path for artifact, one in both if one.real_path},
        stamp="/".join([*map(_mark, examined), *map(str, there.values())]),
        remarks=tuple(_remarks(manifest, examined)),
    )


def _remarks(manifest: Manifest, examined: list[Examined]) -> list[str]:
    """What is no fault, and somebody should know: bytes that can be changed under another name, or count twice."""
    remarks, before = [], dict[str, str]()
    for artifact, one in zip(manifest.artifacts, examined, strict=True):
        if one.measured is not None and one.measured.links > 1:
            names = one.measured.links
            remarks.append(f"{artifact.path} has {names} names (hard links): who writes to another one changes it")
        if one.real_path is not None and before.setdefault(one.real_path, artifact.path) != artifact.path:
            remarks.append(f"{artifact.path} and {before[one.real_path]} are the same file")
    listed = Counter(artifact.path for artifact in manifest.artifacts)
    remarks += [f"{path} is listed {count} times" for path, count in listed.items() if count > 1]
    left = len(remarks) - MOST_REMARKS
    return remarks[:MOST_REMARKS] + ([f"and {left} more"] if left > 0 else [])


def _places(manifest: Manifest) -> list[str]:
    """The paths that evidence names, each once."""
    claims = manifest.acceptance_criteria_met
    found = (evidence_path(claim.evidence) for claim in claims if claim.evidence)
    return list(dict.fromkeys(place for place in found if place))


def _read(data: bytes, path: str) -> Checked[Manifest]:
    try:
        checked = check(parse_mapping(data), Manifest, path)
    except Unreadable as error:
        faults = tuple(Fault("unparsable", f.message, path, f.line, f.column) for f in error.faults)
        return Checked(None, faults, ())
    faults = tuple(Fault("schema", f.message, path, f.line, f.column) for f in checked.faults)
    return Checked(checked.value, faults, checked.warnings)


def stamp(seen: ManifestSeen, roots: Roots) -> str:
    """What stat says now of everything a manifest names: while that is `seen.stamp`, nothing has to be read again."""
    if seen.manifest is None:
        return ""
    marks = [_mark_of(find(artifact.path, roots)) for artifact in seen.manifest.artifacts]
    return "/".join([*marks, *(str(resolves(place, roots)) for place in _places(seen.manifest))])


def _mark(one: Examined) -> str:
    if one.measured is None:
        return _mark_of(one.real_path)
    _, inode, size, mtime_ns, ctime_ns = one.measured.signature
    return f"{inode}.{size}.{mtime_ns}.{ctime_ns}"


def _mark_of(place: Located | Fault | str | None) -> str:
    path = place.real_path if isinstance(place, Located) else place
    if not isinstance(path, str):
        return "-"
    try:
        facts = os.lstat(path)
    except OSError:
        return "-"
    return f"{facts.st_ino}.{facts.st_size}.{facts.st_mtime_ns}.{facts.st_ctime_ns}"
