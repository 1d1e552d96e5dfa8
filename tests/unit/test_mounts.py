"""What the table of mounts says of a tree, and how a daemon watches there."""

import pytest

from cagents_fs.store import mounts, probe
from cagents_fs.store.mounts import Mount

TABLE = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
31 27 0:25 / /srv/shared\040work rw,nosuid shared:1 - nfs4 host:/export rw,vers=4.2
32 27 0:26 / /srv/tree rw - xfs /dev/vdb ro,attr2
33 32 0:27 / /srv/tree/inst_1/tasks ro - tmpfs tmpfs rw
34 32 0:28 / /srv/tree/inst_2 rw - tmpfs tmpfs rw
35 32 0:29 / /srv/treetop rw - fuse.sshfs a:b rw
36 27 0:30 / /srv/m\303\244rz rw - btrfs /dev/vdc rw
no line of this kind
"""


def test_every_line_is_read_with_its_point_kind_and_options() -> None:
    found = {mount.point: mount for mount in mounts.parse(TABLE)}

    assert len(found) == 8
    assert found["/srv/shared work"] == Mount("/srv/shared work", "nfs4", frozenset({"rw", "nosuid", "vers=4.2"}))
    assert {"rw", "ro", "attr2"} == found["/srv/tree"].options
    assert found["/srv/märz"].kind == "btrfs"


def test_what_is_mounted_below_a_tree_is_named_relative_to_it_and_neighbours_are_not() -> None:
    assert mounts.below("/srv/tree", mounts.parse(TABLE)) == ["inst_1/tasks", "inst_2"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv/tree", "xfs"), ("/srv/tree/inst_2/x", "tmpfs"), ("/srv/treetop/a", "fuse.sshfs"), ("/srv/trees", "ext4")],
)
def test_a_path_lies_on_the_innermost_mount_around_it(monkeypatch: pytest.MonkeyPatch, path: str, kind: str) -> None:
    monkeypatch.setattr(mounts, "read", lambda: mounts.parse(TABLE))

    assert mounts.mount_of(path).kind == kind


def test_of_two_mounts_at_one_place_the_later_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    later = "40 27 0:40 / /srv/tree rw - 9p host rw\n"
    monkeypatch.setattr(mounts, "read", lambda: mounts.parse(TABLE + later))

    assert mounts.mount_of("/srv/tree/x").kind == "9p"


@pytest.mark.parametrize(
    ("kind", "watch", "events", "trusted"),
    [
        ("ext4", "auto", True, True),
        ("xfs", "events", True, True),
        ("tmpfs", "poll", False, False),
        ("overlay", "auto", True, False),
        ("unheard-of", "auto", True, False),
        ("nfs4", "auto", False, False),
        ("fuse.sshfs", "auto", False, False),
        ("fuseblk", "auto", True, True),
        ("9p", "auto", False, False),
        ("nfs", "events", True, False),
    ],
)
def test_events_are_used_where_they_arrive_and_trusted_where_all_do(
    kind: str, watch: str, events: bool, trusted: bool
) -> None:
    way = probe.strategy(Mount("/", kind), watch)

    assert (way.events, way.trusted) == (events, trusted)
    assert kind in way.why or watch == "poll"
