"""The pass: each rule once, in this order. A turn repeats it until no rule asks for anything more.

1. recovery      what did a crash cut short?
2. foreign       what has somebody else moved?
3. completion    what has been finished?
4. requests      what do people ask for?
5. escalations   who needs help, and who gives it?
6. checkpoints   who has met?
7. parents       which parents wait in vain?
8. liveness      who has gone quiet?
9. retries       again, when, or never?
10. dependencies what may start now, and what can start no more?
11. breaker      who fails too often?
12. over_limit   which claims go too far?
13. admission    what may be released now, and to whom?
14. staffing     which tasks do our own agents take up?
15. alerts       which queues are too deep?
16. unclaimed    what does nobody claim?
17. phases       how far is the whole?

Answers come after what was handed in, which makes some of them needless, and before whoever would ask anew: checkpoints
and parents look at what the answers have left lost. All three come before the leases, as who waits there has none.
"""

from collections.abc import Callable, Iterator

from cagents_fs.core.index import Index
from cagents_fs.model.actions import Action
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.rules import (
    admission,
    alerts,
    breaker,
    checkpoints,
    completion,
    dependencies,
    escalations,
    foreign,
    liveness,
    over_limit,
    parents,
    phases,
    recovery,
    requests,
    retries,
    staffing,
    unclaimed,
)

Rule = Callable[[Index, Policy, Now], Iterator[Action]]

RULES: tuple[Rule, ...] = (
    recovery.decide,
    foreign.decide,
    completion.decide,
    requests.decide,
    escalations.decide,
    checkpoints.decide,
    parents.decide,
    liveness.decide,
    retries.decide,
    dependencies.decide,
    breaker.decide,
    over_limit.decide,
    admission.decide,
    staffing.decide,
    alerts.decide,
    unclaimed.decide,
    phases.decide,
)
