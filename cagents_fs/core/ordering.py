"""The one order of tasks in a queue: urgency, raised by waiting, then first in, first out (PROTOCOL section 7)."""

from collections.abc import Mapping

from cagents_fs.model.policy import Policy

RANK: Mapping[str, int] = {"critical": 0, "high": 1, "normal": 2, "low": 3}
NAMES = tuple(RANK)
HIGHEST_BY_AGE = RANK["high"]


def aged(rank: int, waited_s: float, policy: Policy) -> int:
    """The rank after so many seconds in the queues: one level up for each span of `ageing_every_s`, never to critical.

    Within one rank those who came first have waited longest, so that ageing never turns their order round.
    """
    if not policy.ageing or rank <= HIGHEST_BY_AGE or waited_s < policy.ageing_every_s:
        return rank
    return max(HIGHEST_BY_AGE, rank - int(waited_s // policy.ageing_every_s))
