"""What informs and decides nothing: messages, verdicts, and the copies in quarantine with their limits."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from cagents_fs.model.actions import KeepCopy, Tell, WriteVerdict
from cagents_fs.model.faults import Fault
from cagents_fs.store import informing
from cagents_fs.store.informing import remove, write
from tests.support.desk import INST, NOW, Desk

WRONG = Fault("unparsable", "expected a mapping", "tasks/pending/x.yaml", 3, 1)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def keep(desk: Desk, text: str | bytes | None = None, path: str = "tasks/pending/x.yaml", second: int = 0) -> None:
    """The file has this content and is kept. Its reason is as old as said, so that the order of versions is certain."""
    there = desk.path(path)
    if text is not None:
        there.write_bytes(text.encode() if isinstance(text, str) else text)
    write(str(desk.root), KeepCopy(instruction=INST, path=path, faults=(WRONG,)), NOW)
    for new in [path for path in quarantine(desk).iterdir() if path.stat().st_mtime > 2_000_000]:
        os.utime(new, (1_000_000 + second, 1_000_000 + second))


def quarantine(desk: Desk) -> Path:
    return desk.path("quarantine")


def kept(desk: Desk) -> list[str]:
    """The contents of the copies, oldest first."""
    copies = [path for path in quarantine(desk).iterdir() if not path.name.endswith(".reason.yaml")]
    return [path.read_text() for path in sorted(copies, key=lambda path: path.stat().st_mtime)]


def reasons(desk: Desk) -> list[dict[str, Any]]:
    return [yaml.safe_load(path.read_text()) for path in sorted(quarantine(desk).glob("*.reason.yaml"))]


# -- quarantine -------------------------------------------------------------------------------------------------------


def test_a_copy_is_kept_with_its_bytes_and_the_reason_and_only_we_read_it(desk: Desk) -> None:
    keep(desk, "{broken\n")

    (reason,) = reasons(desk)
    assert kept(desk) == ["{broken\n"]
    assert (reason["path"], reason["note"]) == ("tasks/pending/x.yaml", "8 bytes")
    assert reason["faults"] == [WRONG.to_json()]
    assert {path.stat().st_mode & 0o777 for path in quarantine(desk).iterdir()} == {0o600}
    assert desk.path("tasks/pending/x.yaml").read_text() == "{broken\n"


def test_the_same_version_kept_again_is_the_same_file(desk: Desk) -> None:
    keep(desk, "one")
    keep(desk, "one")

    assert len(list(quarantine(desk).iterdir())) == 2


def test_of_many_versions_the_first_and_the_last_two_are_kept_each_with_its_reason(desk: Desk) -> None:
    for second, text in enumerate(["one", "two", "three", "four", "five"]):
        keep(desk, text, second=second)

    assert kept(desk) == ["one", "four", "five"]
    assert len(reasons(desk)) == 3


def test_the_first_version_stays_the_first_when_it_comes_once_more(desk: Desk) -> None:
    for second, text in enumerate(["one", "two", "one", "three", "four"]):
        keep(desk, text, second=second)

    assert "one" in kept(desk)


def test_each_path_has_versions_of_its_own(desk: Desk) -> None:
    for second, text in enumerate(["one", "two", "three"]):
        keep(desk, text, second=second)
        keep(desk, text, path="tasks/pending/y.yaml", second=second)

    assert sorted(kept(desk)) == sorted(["one", "two", "three"] * 2)


def test_of_a_long_file_the_beginning_is_kept_and_that_is_said(desk: Desk) -> None:
    keep(desk, b"x" * (informing.KEPT_BYTES + 5))

    (reason,) = reasons(desk)
    assert [len(text) for text in kept(desk)] == [informing.KEPT_BYTES]
    assert reason["note"] == f"the first {informing.KEPT_BYTES} of {informing.KEPT_BYTES + 5} bytes"


def test_when_quarantine_is_full_only_the_reason_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informing, "KEPT_IN_ALL", 600)
    keep(desk, "a" * 300)
    keep(desk, "b" * 300, path="tasks/pending/y.yaml")

    assert kept(desk) == ["a" * 300]
    assert len(reasons(desk)) == 2


def test_a_copy_that_there_was_no_room_for_is_said_not_to_be_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informing, "KEPT_IN_ALL", 0)
    keep(desk, "b" * 300)

    (reason,) = reasons(desk)
    assert "no copy" in str(reason["note"])


@pytest.mark.parametrize("odd", ["pipe", "link", "folder", "gone"])
def test_of_what_is_no_regular_file_there_is_a_note_and_nobody_waits_for_it(desk: Desk, odd: str) -> None:
    path = desk.path("tasks/pending/x.yaml")
    match odd:
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to("/etc/hostname")
        case "folder":
            path.mkdir()
    keep(desk)

    (reason,) = reasons(desk)
    assert kept(desk) == []
    assert str(reason["note"]).startswith("no copy: ")


@pytest.mark.parametrize("name", ["a b.yaml", "ü.yaml", "x" * 240 + ".yaml", "a\nb.yaml", "-rf.yaml"])
def test_a_copy_has_a_name_that_is_safe_to_type(desk: Desk, name: str) -> None:
    keep(desk, "one", path=f"tasks/pending/{name}")

    for path in quarantine(desk).iterdir():
        assert path.name.startswith("tasks__pending__")
        assert all(letter.isascii() and (letter.isalnum() or letter in "._-%") for letter in path.name)
        assert len(path.name) <= 200


def test_two_long_names_that_begin_alike_are_kept_apart(desk: Desk) -> None:
    for ending in "ab":
        keep(desk, "one", path="tasks/pending/" + "x" * 200 + ending)

    assert len(reasons(desk)) == 2


def test_nothing_is_kept_where_a_link_points(desk: Desk, tmp_path: Path) -> None:
    quarantine(desk).rmdir()
    (tmp_path / "elsewhere").mkdir()
    quarantine(desk).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(NotADirectoryError):
        keep(desk, "one")
    assert list((tmp_path / "elsewhere").iterdir()) == []


# -- messages ---------------------------------------------------------------------------------------------------------


def messages(desk: Desk, agent: str = "ann") -> list[Path]:
    return sorted((desk.root / "_communication/inbox" / agent).iterdir())


def test_a_message_lies_whole_in_the_inbox_of_its_addressee(desk: Desk) -> None:
    write(str(desk.root), Tell(to="ann", type="rework", text="Mend: it\n- a", key="k", task_id="a", path="p"), NOW)

    (path,) = messages(desk)
    said = yaml.safe_load(path.read_text())
    assert (said["to"], said["from"], said["type"], said["text"]) == ("ann", "daemon", "rework", "Mend: it\n- a")
    assert (said["task_id"], said["path"], said["message_id"]) == ("a", "p", path.stem)
    assert path.read_text().endswith("\n...\n")


def test_the_same_answer_is_the_same_file_and_another_one_is_not(desk: Desk) -> None:
    for key in ("k", "k", "other"):
        write(str(desk.root), Tell(to="ann", type="error", text="-", key=key), NOW)

    assert len(messages(desk)) == 2


# -- verdicts ---------------------------------------------------------------------------------------------------------


def verdict(desk: Desk) -> None:
    action = WriteVerdict(
        instruction=INST, task_id="a", attempt=2, accepted=False, manifest_sha256="m", faults=(WRONG,)
    )
    write(str(desk.root), action, NOW)


@pytest.mark.parametrize("folder", ["outputs/partial", "outputs"])
def test_a_verdict_lies_beside_its_manifest(desk: Desk, folder: str) -> None:
    output = desk.output(folder=folder)

    verdict(desk)

    said = yaml.safe_load((output / "verification.yaml").read_text())
    assert (said["accepted"], said["attempt"], said["manifest_sha256"]) == (False, 2, "m")
    assert said["faults"] == [WRONG.to_json()]


def test_where_the_output_was_put_aside_no_verdict_is_written(desk: Desk) -> None:
    before = desk.snapshot()

    verdict(desk)

    assert desk.snapshot() == before


def test_a_file_that_is_gone_is_removed_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    remove(str(tmp_path / "a"))
    remove(str(tmp_path / "a"))

    assert not (tmp_path / "a").exists()
