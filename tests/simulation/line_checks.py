"""What has to be so of every line of a journal, when it is written. Each check bears the number of its promise."""

import json
from collections.abc import Callable, Iterator

from cagents_fs.model.states import LEGAL, State, state_of
from tests.simulation.planning import blocking
from tests.simulation.told import AS_FROM_PENDING, LEAVING_RAISES, Fate, Line, Told
from tests.simulation.world import Document, World

AGENTS = f"{State.AGENTS.value}/"
WORK = State.IN_PROGRESS.value
A_TURN_S = 0.01  # more than a turn takes: the simulated time stands nearly still in it


class Case:
    """A line that was just written, and what was told before it."""

    def __init__(self, world: World, told: Told, instruction: str, line: Line) -> None:
        self.world, self.told, self.line, self.instruction = world, told, line, instruction
        self.event, self.name = str(line["event"]), str(line.get("task_id") or "")
        self.key = (instruction, self.name)
        self.moved = self.event == "moved"
        self.source, self.target = line.get("from") or "", line.get("to") or ""
        self.fate = told.fates.get(self.name, Fate())
        self.task: Document = world.tasks.get(self.key, {})

    def manifest(self) -> Document:
        """The one that was accepted, as the line keeps it."""
        document: Document = json.loads(self.line["manifest"].rstrip().removesuffix("..."))
        return document


Check = Callable[[Case], str | None]


def i4_numbers_rise(case: Case) -> str | None:
    """Each line has a number above all before it."""
    number, last = case.line["seq"], case.told.seq
    return None if number > last else f"line {number} comes after line {last}"


def i4_moves_form_a_chain(case: Case) -> str | None:
    """A task leaves the place where it was."""
    place, made_again = case.fate.place, case.key in case.world.gone
    if not case.moved or (not case.source and (place is None or made_again)):
        return None
    return None if case.source == place else f"it is in {place}, and the line moves it from {case.source}"


def i4_moves_are_legal(case: Case) -> str | None:
    """The table has each move; who is no agent and no daemon is nobody."""
    if not case.moved or not case.source:
        return None
    source, target = state_of(case.source), state_of(case.target)
    if (source, target) not in LEGAL:
        return f"the table has no move from {source} to {target}"
    claimed = source is State.AGENTS and target is State.IN_PROGRESS
    if "intent" not in case.line and not claimed and case.line.get("agent") is not None:
        return f"a move by somebody else is said to be one of {case.line['agent']}"
    return None


def i4_attempts_rise_by_one_when_they_may(case: Case) -> str | None:
    """Raised on leaving retry, failed and cancelled, and only then."""
    if not case.moved or not case.source:
        return None
    before, after = case.fate.attempt, case.line.get("attempt")
    must = case.source in LEAVING_RAISES and case.target in AS_FROM_PENDING
    may = must or case.source == State.RETRY.value or case.fate.ended == before  # such a one was blocked in between
    if (after == before + 1 and may) or (after == before and not must):
        return None
    return f"attempt {before} becomes {after} on the way from {case.source} to {case.target}"


def i12_no_attempt_is_made_twice(case: Case) -> str | None:
    """An attempt that has come to its end is not released again."""
    if not case.moved or not case.target.startswith(AGENTS):
        return None
    again = (case.line.get("attempt") or case.fate.attempt) <= case.fate.ended
    return f"attempt {case.fate.ended} had ended, and is released to {case.target}" if again else None


def law4_begun_when_all_it_waits_for_is_verified(case: Case) -> str | None:
    """Nothing is released, or put into work by hand, before its hard and data dependencies are done or skipped.

    Released is what enters an agent's queue from another queue (PROTOCOL section 5): not a claim that is put back.
    Should what it waits for be taken up again in that very turn, it is held back after that; the observer sees to it.
    """
    goes_on = case.target == WORK and ("intent" in case.line or case.source.startswith(AGENTS))
    goes_on = goes_on or (case.source == WORK and case.target.startswith(AGENTS))
    goes_on = goes_on or (not case.source and case.fate.place == case.target)  # its file was lost, and is made again
    if not case.moved or goes_on or not case.target.startswith((AGENTS, WORK)):
        return None
    awaited = () if case.fate.waived else blocking(case.task)
    left = [name for name in awaited if not case.told.fates.get(name, Fate()).satisfied]
    return f"it goes to {case.target}, and {', '.join(left)} is not done" if left else None


def law4_completed_means_accepted(case: Case) -> str | None:
    """Into `completed` go only tasks whose manifest of this attempt was accepted before."""
    if not case.moved or case.target != State.COMPLETED.value or case.fate.accepted == case.fate.attempt:
        return None
    return f"this is attempt {case.fate.attempt}, and accepted is {case.fate.accepted}"


def i6_accepted_means_these_bytes(case: Case) -> str | None:
    """What was accepted lay there: every artifact with its size and checksum, in this turn or just before."""
    for artifact in case.manifest()["artifacts"] if case.event == "accepted" else ():
        wanted = artifact["checksum"].removeprefix("sha256:")
        path = f"{case.instruction}/outputs/partial/{case.name}/{artifact['path']}"
        versions, turn = case.world.sums.get(path, []), case.world.turn
        old = [digest for number, digest in versions if number < turn - 1]
        lately = [*old[-1:], *(digest for number, digest in versions if number >= turn - 1)]
        if wanted not in lately:
            return f"{artifact['path']} was claimed as {wanted[:8]}, and was {[digest[:8] for digest in lately]}"
    return None


def i12_accepted_from_its_holder_of_this_attempt(case: Case) -> str | None:
    """No manifest of another task, agent or attempt counts, and none counts twice."""
    if case.event != "accepted":
        return None
    manifest, fate = case.manifest(), case.fate
    if fate.accepted == fate.attempt:
        return f"attempt {fate.attempt} is accepted a second time"
    said = (manifest["task_id"], manifest["subagent"], manifest.get("attempt", 1), manifest["status"])
    so = (case.name, fate.holder or manifest["subagent"], fate.attempt, "completed")
    return None if said == so else f"accepted {said}, expected {so}"


def law4_accepted_means_every_criterion(case: Case) -> str | None:
    """Each criterion without a check is met with evidence, each check passes, gates hold."""
    if case.event != "accepted":
        return None
    manifest = case.manifest()
    claims = {claim["criterion"]: claim for claim in manifest.get("acceptance_criteria_met", ())}
    for criterion in case.task.get("acceptance_criteria", ()):
        claim = claims.get(criterion, {}) if isinstance(criterion, str) else {"met": True, "evidence": "a check"}
        if not (claim.get("met") and str(claim.get("evidence", "")).strip()):
            return f"accepted without evidence of {criterion}"
    if case.task.get("task_type") == "testing" and manifest.get("quality_metrics", {}).get("test_coverage", 0) < 0.8:
        return "accepted without the coverage that its type asks for"
    return None


def budgets_hold(case: Case) -> str | None:
    """Neither rework nor retries go beyond what they may; late work is judged as often as it comes.

    Who takes a task away in the very moment in which its last manifest is rejected has given it back to somebody.
    """
    numbers, line = case.world.numbers, case.line
    late = case.fate.late or case.fate.place == State.RETRY.value
    if case.event == "rejected" and line["rejections"] > numbers.max_rework + 1 + case.fate.spared and not late:
        return f"rejected {line['rejections']} times, at most {numbers.max_rework} reworks"
    budget = case.task.get("max_retries", numbers.max_retries)
    if case.moved and case.target == State.RETRY.value and line.get("retries", 0) > budget:
        return f"retry {line['retries']} of {budget}"
    return None


def limits_hold_for_releases(case: Case) -> str | None:
    """The daemon releases no more than queue and mode have room for."""
    put_back = case.source == WORK
    if not case.moved or "intent" not in case.line or put_back or not case.target.startswith(AGENTS):
        return None
    others = {name: fate.place or "" for name, fate in case.told.fates.items() if name != case.name}
    others = {
        name: place for name, place in others.items() if case.world.there(f"{case.instruction}/{place}/{name}.yaml")
    }
    waiting, out = case.world.may_wait(case.instruction), list(others.values())
    depth = 1 + out.count(case.target)
    if depth > case.world.numbers.depth:
        return f"{case.target} holds {depth} of {case.world.numbers.depth}"
    plan = case.world.plans[case.instruction]
    limit = plan.get("max_concurrent", 1)
    busy = 1 + sum(place.startswith((AGENTS, WORK)) for name, place in others.items() if name not in waiting)
    if plan["mode"] == "sequential" and busy > limit:
        return f"sequential: {busy} are out, {limit} may be"
    return None


def nothing_is_released_while_paused(case: Case) -> str | None:
    """Neither of an instruction that is paused, nor the task that is."""
    released = case.moved and "intent" in case.line and case.target.startswith(AGENTS) and case.source != WORK
    paused_s = [case.told.paused.get(name, case.world.clock.passed_s) for name in ("", case.name)]
    stands_still = min(paused_s) < case.world.clock.passed_s  # not in the very turn in which that was said
    return f"released to {case.target} while paused" if released and stands_still else None


def reassigned_goes_to_whom_it_was_given(case: Case) -> str | None:
    """The next release of a task is to the agent that it was given to."""
    given, released = case.fate.given, case.moved and "intent" in case.line and case.target.startswith(AGENTS)
    if not released or not given or case.target == AGENTS + given or case.source == WORK:
        return None
    return f"it was given to {given}, and goes to {case.target}"


def an_escalation_is_answered_once(case: Case) -> str | None:
    """The first response counts, and only one to something that was asked."""
    name = case.line.get("escalation_id")
    if case.event != "escalation_answered" or (name in case.told.pleas and name not in case.told.closed):
        return None
    return f"{name} is answered, and {'was before' if name in case.told.closed else 'nobody asked'}"


def i11_stalled_only_after_a_whole_lease(case: Case) -> str | None:
    """No sign for as long as the lease, all of it observed by this daemon, whatever became of the events."""
    if case.event != "stalled":
        return None
    world, key, fate = case.world, case.key, case.fate
    signs_s = [at_s for at_s, *who in world.signs_s.get(key, ()) if who == [fate.holder, fate.attempt]]
    # Not one that was given in the middle of this very turn. All others lay there when the daemon looked.
    last_s = max((at_s for at_s in signs_s if at_s < world.clock.passed_s - A_TURN_S), default=0.0)
    entered_s = min(fate.entered_s, world.claimed_s.get(key, fate.entered_s))  # a claim is seen later than it is made
    since_s = max(entered_s, world.life_began_s, last_s)
    observed_s = world.clock.passed_s - since_s - world.unobserved_since(since_s)
    if observed_s > world.numbers.lease_s - 0.1:
        return None
    return f"stalled after {observed_s:.1f} s of {world.numbers.lease_s:g} observed"


def i7_nothing_half_written_is_judged(case: Case) -> str | None:
    """A version that its writer held open is neither accepted, rejected nor answered."""
    judged = case.event in ("accepted", "rejected", "answered", "failed_attempt")
    for folder in (f"partial/{case.name}", case.name) if judged else ():
        path = f"{case.instruction}/outputs/{folder}/manifest.yaml"
        if case.world.unfinished.get(path, "") == case.line.get("manifest_sha256"):
            return f"{path} was judged while it was being written"
    return None


CHECKS: tuple[Check, ...] = (
    i4_numbers_rise,
    i4_moves_form_a_chain,
    i4_moves_are_legal,
    i4_attempts_rise_by_one_when_they_may,
    i12_no_attempt_is_made_twice,
    law4_begun_when_all_it_waits_for_is_verified,
    law4_completed_means_accepted,
    i6_accepted_means_these_bytes,
    i12_accepted_from_its_holder_of_this_attempt,
    law4_accepted_means_every_criterion,
    budgets_hold,
    limits_hold_for_releases,
    nothing_is_released_while_paused,
    reassigned_goes_to_whom_it_was_given,
    an_escalation_is_answered_once,
    i11_stalled_only_after_a_whole_lease,
    i7_nothing_half_written_is_judged,
)


def wrong_with(case: Case) -> Iterator[str]:
    """What is wrong with a line, each with the name of the check."""
    for check in CHECKS:
        if said := check(case):
            at = f"line {case.line['seq']}: {case.event}"
            yield f"{check.__name__}: {'/'.join(case.key)}: {said}; {at}"
