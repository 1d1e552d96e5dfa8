"""What reading artifacts may cost, who waits for whom while they are read, and what is handed in for whom."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.daemon.measuring import LONG_BYTES, Measuring
from cagents_fs.errors import StorageError, UsageError
from cagents_fs.evidence import MOST_REMARKS, gather, gathering, stamp
from cagents_fs.handing_in import MOST_FILES, CannotHandIn, artifact, composing
from cagents_fs.model.faults import Fault
from cagents_fs.model.observations import ManifestSeen, Now
from cagents_fs.store.dump import dump
from cagents_fs.store.evidence import STEP_BYTES, Budget, Located, Measured, Roots, Steps, at_once, find, measuring
from cagents_fs.store.yaml import parse_mapping

NOW = Now(s=0.0, wall_s=0.0)
GIGABYTE = 1 << 30


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    made = Roots(str(tmp_path / "inst/outputs"), str(tmp_path / "inst/outputs/partial/t1"), str(tmp_path / "workspace"))
    for root in made:
        os.makedirs(root, exist_ok=True)
    return made


def sparse(roots: Roots, name: str, size: int) -> Path:
    path = Path(roots.output_dir, name)
    path.touch()
    os.truncate(path, size)
    return path


def claim(path: str, size: int, checksum: str = "0" * 64) -> dict[str, Any]:
    return {"name": path, "type": "data", "path": path, "size_bytes": size, "checksum": f"sha256:{checksum}"}


def truly(path: str, content: bytes) -> dict[str, Any]:
    return claim(path, len(content), hashlib.sha256(content).hexdigest())


def manifest(*artifacts: dict[str, Any], **more: Any) -> bytes:
    whole = {"task_id": "t1", "subagent": "ann", "status": "completed", "artifacts": list(artifacts), **more}
    return dump(whole).encode()


def seen(roots: Roots, budget: Budget, *artifacts: dict[str, Any], **more: Any) -> ManifestSeen:
    return gather("t1", "outputs/partial/t1/manifest.yaml", manifest(*artifacts, **more), roots, time.time(), budget)


def codes(found: ManifestSeen) -> list[str]:
    return [fault.code for fault in found.artifact_faults]


# --- budgets


def test_a_file_of_another_size_than_claimed_is_never_read_however_large_it_is(roots: Roots) -> None:
    sparse(roots, "huge", 4096 * GIGABYTE)
    budget = Budget.of(16 * GIGABYTE, 60)

    assert codes(seen(roots, budget, claim("huge", 10))) == ["size_mismatch"]
    assert budget.bytes_left == 16 * GIGABYTE


def test_what_is_over_the_budget_is_not_read_and_says_what_to_do(roots: Roots) -> None:
    sparse(roots, "huge", 4096 * GIGABYTE)
    (fault,) = seen(roots, Budget.of(16 * GIGABYTE, 60), claim("huge", 4096 * GIGABYTE)).artifact_faults

    assert fault.code == "over_budget"
    for said in ("'huge'", str(4096 * GIGABYTE), str(16 * GIGABYTE), "max_artifact_bytes in daemon.yaml"):
        assert said in fault.message


def test_the_budget_is_that_of_all_artifacts_together(roots: Roots) -> None:
    for name in ("a", "b", "c", "d"):
        Path(roots.output_dir, name).write_bytes(b"x" * 400)
    listed = [truly(name, b"x" * 400) for name in ("a", "b", "c")]

    assert codes(seen(roots, Budget.of(1200, 60), *listed)) == []
    assert codes(seen(roots, Budget.of(1199, 60), *listed)) == ["over_budget"]
    small = [truly("a", b"x" * 400), claim("b", 1 << 40), truly("c", b"x" * 400)]
    assert codes(seen(roots, Budget.of(800, 60), *small)) == ["size_mismatch"], "what is not read costs nothing"


def test_time_is_a_budget_too_and_what_comes_after_its_end_is_not_begun(roots: Roots) -> None:
    sparse(roots, "a", 4 * GIGABYTE)
    Path(roots.output_dir, "b").write_bytes(b"x")
    found = seen(roots, Budget.of(16 * GIGABYTE, 0.01), claim("a", 4 * GIGABYTE), truly("b", b"x"))

    assert codes(found) == ["over_budget", "over_budget"]
    assert all("0.01 s (hash_timeout in daemon.yaml)" in fault.message for fault in found.artifact_faults)


def test_each_step_says_before_anything_is_opened_how_much_it_is_about_to_read(roots: Roots) -> None:
    sparse(roots, "huge", GIGABYTE)
    before = os.listdir("/proc/self/fd")
    steps = gathering("t1", "m", manifest(claim("huge", GIGABYTE)), (), roots, 0.0, 0.0)
    announced = [next(steps), next(steps)]

    assert announced[0] < 100_000, "parsing"
    assert announced[1] >= GIGABYTE
    assert os.listdir("/proc/self/fd") == before
    assert next(steps) == 0, "in the middle of it"
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    steps.close()
    assert os.listdir("/proc/self/fd") == before


def test_steps_may_go_on_in_any_thread(roots: Roots) -> None:
    content = os.urandom(3 * STEP_BYTES + 17)
    Path(roots.workspace, "a").write_bytes(content)
    located = find("a", roots)
    assert isinstance(located, Located)
    steps, came_out = measuring(located), list[Measured | Fault]()

    def one_step() -> None:
        try:
            next(steps)
        except StopIteration as end:
            came_out.append(end.value)

    while not came_out:
        thread = threading.Thread(target=one_step)
        thread.start()
        thread.join()

    assert isinstance(came_out[0], Measured)
    assert came_out[0].sha256 == hashlib.sha256(content).hexdigest()


def test_a_file_that_grows_between_two_steps_has_no_checksum(roots: Roots) -> None:
    path = sparse(roots, "growing", 3 * STEP_BYTES)
    located = find("growing", roots)
    assert isinstance(located, Located)
    steps = measuring(located)
    next(steps)
    os.truncate(path, 100 * STEP_BYTES)
    found = at_once(steps)

    assert isinstance(found, Fault)
    assert found.code == "changed_while_read"


# --- what is no fault, and somebody should know


def test_hard_links_and_what_counts_twice_are_remarked(roots: Roots) -> None:
    path = Path(roots.output_dir, "a.txt")
    path.write_bytes(b"x")
    os.link(path, f"{roots.workspace}/b.txt")
    os.symlink("a.txt", f"{roots.output_dir}/c.txt")
    alone = Path(roots.output_dir, "alone.txt")
    alone.write_bytes(b"x")
    one = truly("a.txt", b"x")

    assert seen(roots, Budget.of(100, 60), truly("alone.txt", b"x")).remarks == ()
    assert seen(roots, Budget.of(100, 60), one, one, truly("c.txt", b"x")).remarks == (
        "a.txt has 2 names (hard links): who writes to another one changes it",
        "a.txt has 2 names (hard links): who writes to another one changes it",
        "c.txt has 2 names (hard links): who writes to another one changes it",
        "c.txt and a.txt are the same file",
        "a.txt is listed 2 times",
    )


def test_a_thousand_remarks_are_ten_and_a_number(roots: Roots) -> None:
    path = Path(roots.output_dir, "a.txt")
    path.write_bytes(b"x")
    os.link(path, f"{roots.workspace}/b.txt")
    found = seen(roots, Budget.of(1000, 60), *[truly("a.txt", b"x")] * 500)

    assert codes(found) == []
    assert len(found.remarks) == MOST_REMARKS + 1
    assert found.remarks[-1] == f"and {501 - MOST_REMARKS} more"


def test_the_stamp_is_that_of_the_bytes_that_were_hashed(roots: Roots) -> None:
    path = Path(roots.output_dir, "a.txt")
    path.write_bytes(b"x")
    os.mkdir(f"{roots.output_dir}/folder")
    listed = [truly("a.txt", b"x"), claim("folder", 0), claim("none", 0), claim("../../../../x", 0)]
    met = [
        {"criterion": "C", "met": True, "evidence": "a.txt:1"},
        {"criterion": "D", "met": True, "evidence": "no.txt"},
    ]
    found = seen(roots, Budget.of(100, 60), *listed, acceptance_criteria_met=met)

    assert found.stamp == stamp(found, roots)
    assert found.unresolved == {"no.txt"}
    path.write_bytes(b"y")
    assert found.stamp != stamp(found, roots)
    assert stamp(gather("t1", "m", b"- no manifest", roots, 0.0), roots) == ""


# --- threads: the short before the long


class _Job:
    """Steps that a test lets go on one by one."""

    def __init__(self, name: str, *announced: int) -> None:
        self.name, self.announced = name, announced
        self.go, self.at = threading.Semaphore(0), 0
        self.closed = False

    def steps(self) -> Steps[str]:
        try:
            for cost in self.announced:
                self.at += 1
                yield cost
                assert self.go.acquire(timeout=20)
        finally:
            self.closed = True
        return self.name


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Iterator[Measuring]:
    made = Measuring(lambda: None, workers=getattr(request, "param", 2))
    yield made
    made.close()


def until(so: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := so()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def submit(measure: Measuring, job: _Job, told: list[str], announced: int = 0) -> _Job:
    measure.submit(
        job.name, job.steps(), lambda found, _now: told.append(found), lambda: told.append("failed"), announced
    )
    return job


def answer(measure: Measuring) -> int:
    taken = measure.take()
    for one in taken:
        one(NOW)
    return len(taken)


def test_a_giant_holds_up_nothing_that_is_short(measure: Measuring) -> None:
    told: list[str] = []
    giants = [submit(measure, _Job(f"giant {n}", *[0] * 50), told, LONG_BYTES + 1) for n in range(5)]
    until(lambda: giants[0].at == 1)
    for number in range(20):
        job = submit(measure, _Job(f"short {number}", 1000), told)
        job.go.release()
    until(lambda: (answer(measure), len(told) == 20)[1])

    assert sorted(told) == sorted(f"short {number}" for number in range(20))
    assert [giant.at for giant in giants[1:]] == [0, 0, 0, 0], "one giant at a time: the other worker is kept free"
    for giant in giants:
        giant.go.release(100)
    until(lambda: (answer(measure), len(told) == 25)[1])
    assert told[20:] == [f"giant {n}" for n in range(5)], "in the order in which they came"
    assert measure.pending == 0


def test_what_turns_out_to_be_long_gives_way_before_it_opens_anything(measure: Measuring) -> None:
    told: list[str] = []
    first = submit(measure, _Job("long", 1000, LONG_BYTES, 0, 0), told)
    first.go.release()
    until(lambda: first.at == 2)
    second = submit(measure, _Job("short", 1000), told)
    second.go.release()
    until(lambda: (answer(measure), told == ["short"])[1])

    first.go.release(10)
    until(lambda: (answer(measure), told == ["short", "long"])[1])


def test_of_two_with_one_key_only_the_younger_is_answered(measure: Measuring) -> None:
    told: list[str] = []
    old = submit(measure, _Job("a", 1, 0, 0), told)
    until(lambda: old.at == 1)
    job = _Job("new", 1)
    measure.submit("a", job.steps(), lambda found, _: told.append(found), lambda *_: None)
    old.go.release(10)
    job.go.release(10)
    until(lambda: (answer(measure), measure.pending == 0)[1])

    assert told == ["new"]
    assert old.closed


def test_an_answer_that_has_come_already_is_dropped_when_it_is_cancelled(measure: Measuring) -> None:
    told: list[str] = []
    job = submit(measure, _Job("a", 1), told)
    job.go.release()
    until(lambda: job.closed)
    measure.cancel("a")
    until(lambda: (answer(measure), measure.pending == 0)[1])

    assert told == []


def test_trouble_is_told_in_the_loop(measure: Measuring) -> None:
    told: list[str] = []

    def broken() -> Steps[str]:
        yield 1
        raise StorageError("the disk is gone")

    measure.submit("a", broken(), lambda found, _: told.append(found), lambda error, _: told.append(str(error)))
    until(lambda: (answer(measure), measure.pending == 0)[1])

    assert told == ["the disk is gone"]


def test_leaving_waits_for_a_step_and_not_for_the_whole() -> None:
    measure = Measuring(lambda: None, workers=2)

    def endless() -> Steps[str]:
        while True:
            time.sleep(0.01)
            yield 0

    for number in range(5):
        measure.submit(number, endless(), lambda *_: None, lambda *_: None)
    begun = time.monotonic()
    measure.close()
    assert time.monotonic() - begun < 5


# --- handed in for agents that wrote no manifest


def composed(roots: Roots, *files: str, budget: Budget | None = None, most: int = 1 << 20) -> list[dict[str, Any]]:
    text = at_once(composing({"task_id": "t1"}, roots, files, budget or Budget.of(GIGABYTE, 60), most))
    assert text.endswith(b"\n...\n")
    return list(parse_mapping(text).value["artifacts"])


def test_what_a_task_left_is_handed_in_with_its_files_and_nothing_of_ours(roots: Roots) -> None:
    for name in ("b.txt", "a/c.txt", "a/b/d.txt", "agent.log", "verification.yaml", "verification/x", ".inputs.json"):
        path = Path(roots.output_dir, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    os.mkfifo(f"{roots.output_dir}/pipe")
    os.symlink("/etc/passwd", f"{roots.output_dir}/link")
    os.symlink("/", f"{roots.output_dir}/folder")
    Path(roots.workspace, "src.py").write_text("src")

    entries = composed(roots, "src.py", "none.py")

    assert [entry["path"] for entry in entries] == ["b.txt", "a/c.txt", "a/b/d.txt", "src.py"]
    assert entries[3] == {"name": "src.py", "type": "code", "path": "src.py", "size_bytes": 3} | {
        "checksum": f"sha256:{hashlib.sha256(b'src').hexdigest()}"
    }


def test_what_no_manifest_can_name_is_said_and_what_to_do(roots: Roots) -> None:
    for number in range(300):
        Path(roots.output_dir, f"{number}").touch()
    with pytest.raises(CannotHandIn, match=r"over 300 files has \d+ bytes, and 10000 are read .*; pack them"):
        composed(roots, most=10_000)
    sparse(roots, "huge", 60 * GIGABYTE)
    with pytest.raises(CannotHandIn, match=r"'huge' has 64424509440 bytes.*max_artifact_bytes"):
        composed(roots, budget=Budget.of(16 * GIGABYTE, 60))


def test_more_files_than_a_manifest_can_name_are_not_even_looked_through(roots: Roots) -> None:
    for number in range(MOST_FILES + 5):
        os.mknod(f"{roots.output_dir}/{number}")
    with pytest.raises(CannotHandIn, match=f"more than {MOST_FILES} files"):
        composed(roots)
    for number in range(10):
        os.unlink(f"{roots.output_dir}/{number}")
    text = at_once(composing({"task_id": "t1", "subagent": "ann"}, roots, [], Budget.of(GIGABYTE, 60), 1 << 20))
    assert len(gather("t1", "m", text, roots, 0.0).resolved) == MOST_FILES - 5, "the reader takes that many"


def test_a_fifo_handed_in_by_name_hangs_nobody(roots: Roots) -> None:
    os.mkfifo(f"{roots.workspace}/pipe")
    with pytest.raises(UsageError, match="is a FIFO"):
        artifact(f"{roots.workspace}/pipe", roots)
