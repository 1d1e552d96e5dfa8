"""A folder that is made on the way to a file is durable before the file is."""

import os
from pathlib import Path

import pytest

from cagents_fs.store.descent import real_folder


def test_the_name_of_each_new_folder_is_synced_and_none_where_all_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))

    real_folder(str(tmp_path / "outputs" / "t1"))
    assert synced == [str(tmp_path), str(tmp_path / "outputs")]

    real_folder(str(tmp_path / "outputs" / "t1"))
    assert len(synced) == 2
