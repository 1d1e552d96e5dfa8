"""The sabotages of the rules: what is decided, and by whom it is believed."""

from tests.sabotages import Sabotage


def _rule(name: str, file: str, right: str, wrong: str) -> Sabotage:
    return Sabotage(name, f"cagents_fs/{file}", right, wrong)


RULES = (
    _rule(
        "done_without_a_verdict",
        "core/work.py",
        "record.state is State.COMPLETED and record.ledger.accepted is not None",
        "record.state is State.COMPLETED",
    ),
    _rule(
        "anybody_hands_in",
        "rules/verification.py",
        "if record.holder is not None and manifest.subagent != record.holder:",
        "if False:",
    ),
    _rule("the_fence_stands_still", "rules/retries.py", "attempt=ledger.attempt + 1,", "attempt=ledger.attempt,"),
    _rule("backoff_does_not_grow", "rules/retries.py", " * policy.backoff_multiplier ** min(used, 64)", ""),
    _rule("one_more_than_the_limit", "rules/limits.py", "if running >= limit:", "if running > limit:"),
    _rule("a_barrier_opens_early", "rules/admission.py", "> desk.open_level:", "> desk.open_level + 1:"),
    _rule("ageing_to_critical", "core/ordering.py", "return max(HIGHEST_BY_AGE, ", "return max(0, "),
    _rule("first_in_last_out", "core/lanes.py", ", policy), record.queued", ", policy), -record.queued"),
    _rule("no_grace", "rules/liveness.py", "max(lease_over_s, record.stalled_s + policy.reassign_grace_s)", "0"),
    _rule("a_breaker_that_never_opens", "rules/breaker.py", "if not policy.breaker or ", "if True or "),
    _rule(
        "the_first_opens_the_checkpoint", "core/meetings.py", "return not (record.satisfied or", "return not (True or"
    ),
    _rule("parents_do_not_wait", "rules/completion.py", "and work.open_children(task_id):", "and False:"),
    _rule(
        "only_the_next_is_blocked",
        "core/graph.py",
        "pending.extend((child, task) for",
        "(()) and list((child, task) for",
    ),
    _rule("any_artifact_will_do", "core/work.py", "not hands_over(record, self.records[child], awaited)", "False"),
    _rule("checksums_are_believed", "store/evidence.py", "if found_checksum == checksum.lower():", "if True:"),
    _rule("rework_without_end", "rules/verdicts.py", "elif rejections > policy.max_rework:", "elif False:"),
    _rule("half_written_is_whole", "daemon/settling.py", "if now.s - seen.since_s >= self.settle_s and", "if True and"),
)
