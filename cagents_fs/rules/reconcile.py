"""The pass: each rule once, in this order. A turn repeats it until no rule asks for anything more.

1. recovery      what did a crash cut short?
2. foreign       what has somebody else moved?
3. completion    what has been finished?
4. requests      what do people ask for?
5. liveness      who has gone quiet?
6. retries       again, when, or never?
7. dependencies  what may start now, and what can start no more?
8. breaker       who fails too often?
9. over_limit    which claims go too far?
10. admission    what may be released now, and to whom?
11. staffing     which tasks do our own agents take up?
12. unclaimed    what does nobody claim?
13. phases       how far is the whole?
"""

from collections.abc import Callable, Iterator

from cagents_fs.core.index import Index
from cagents_fs.model.actions import Action
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.rules import (
    admission,
    breaker,
    completion,
    dependencies,
    foreign,
    liveness,
    over_limit,
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
    liveness.decide,
    retries.decide,
    dependencies.decide,
    breaker.decide,
    over_limit.decide,
    admission.decide,
    staffing.decide,
    unclaimed.decide,
    phases.decide,
)
