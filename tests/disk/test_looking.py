"""What commands see beside the journal: heartbeats, and when there was a sign of whoever works."""

from pathlib import Path

import pytest

from cagents_fs.client.looking import look_around
from cagents_fs.core.index import Work
from tests.support import builders as b


@pytest.fixture
def made() -> Work:
    work = b.work(b.task("a"), b.task("c"))
    for name in ("a", "c"):
        b.lies(work, name, b.IN_PROGRESS, holder="ann")
    return work


def write(root: Path, name: str, text: str) -> Path:
    path = root / "inst_1" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def look(root: Path, work: Work) -> dict[str, float]:
    return look_around(str(root), b.index(work))


def test_the_heartbeat_of_the_holder_is_seen_with_the_time_of_the_last_sign(tmp_path: Path, made: Work) -> None:
    path = write(tmp_path, "heartbeats/ann_a.yaml", "agent_name: ann\ntask_id: a\ncurrent_activity: drawing\n")
    write(tmp_path, "heartbeats/bob_a.yaml", "agent_name: bob\ntask_id: a\ncurrent_activity: meddling\n")

    signs = look(tmp_path, made)

    beat = made.records["a"].heartbeat
    assert beat is not None
    assert beat.current_activity == "drawing"
    assert signs == {"inst_1/a": path.stat().st_mtime}


@pytest.mark.parametrize("text", ["attempt: 7\nagent_name: ann\ntask_id: a\n", "- no mapping\n", "", "a: [\n"])
def test_a_heartbeat_of_another_attempt_or_one_that_cannot_be_read_says_nothing(
    tmp_path: Path, made: Work, text: str
) -> None:
    write(tmp_path, "heartbeats/ann_a.yaml", text)

    assert look(tmp_path, made) == {}
    assert made.records["a"].heartbeat is None


def test_work_in_the_output_directory_is_a_sign_of_life(tmp_path: Path, made: Work) -> None:
    path = write(tmp_path, "outputs/partial/c/draft.txt", "x")

    assert look(tmp_path, made) == {"inst_1/c": path.stat().st_mtime}


def test_a_tree_in_which_nothing_of_that_is_there_is_seen_as_it_is(tmp_path: Path, made: Work) -> None:
    assert look(tmp_path, made) == {}
