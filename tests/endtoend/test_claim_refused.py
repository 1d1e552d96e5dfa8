"""A claim that a limit refuses leaves the queues to the daemon, however often it is repeated."""

from cagents_fs.store.locks import QueueLock
from tests.support.tree import Tree, a_task


def test_who_is_refused_by_a_limit_does_not_lock_the_queues_to_learn_it(tree: Tree) -> None:
    tree.plan(*(a_task(f"t{number}") for number in range(4)), max_concurrent=1)
    tree.once()
    first = tree.call("claim", "ann", "--json")

    with QueueLock(str(tree.root), "inst_1"):  # whoever wants it now, waits ten seconds and is told that it is kept
        again = tree.call("claim", "ann", "--json")

    assert first.code == 0, first
    assert again.code == 3, again
    assert again.error["code"] == "limit_reached"
