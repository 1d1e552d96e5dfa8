"""Inside and outside disagree, two names in one: C75 to C77 of the fault catalogue."""

from tests.hostile.case import BEAT, PLAN, PLEA, REPLY, TASK, taken, wrong

# --- C75, C77: inside and outside disagree; two names in one
CASES = [
    wrong(
        "task",
        "another id than its name",
        TASK,
        "wrong_name the file is called other.yaml, but the task in it new; make both the same",
        name="other.yaml",
    ),
    wrong(
        "task",
        "the same name in other case",
        TASK,
        "wrong_name the file is called New.yaml, but the task in it new; make both the same",
        name="New.yaml",
    ),
    wrong(
        "task",
        "a task that differs from another in case only",
        "task_id: T1\ndescription: x\n",
        "duplicate_id T1 differs from another task of inst_1 in case only; give it another id",
        name="T1.yaml",
    ),
    wrong(
        "task",
        "a task that is there already, elsewhere",
        TASK + "instruction_id: inst_9\n",
        "wrong_instruction it says it belongs to inst_9, not to inst_1",
    ),
    wrong(
        "plan",
        "ids that differ in case only",
        PLAN + "  - {task_id: A, description: b}\n",
        ("duplicate_id 5:15 the task A is there beside a, from which it differs in case only; give it another id"),
    ),
    wrong(
        "plan",
        "the same id twice",
        PLAN + "  - {task_id: a, description: b}\n",
        "duplicate_id 5:15 the task a is there twice; give it another id",
    ),
    wrong(
        "plan",
        "a task of another instruction",
        PLAN + "    instruction_id: inst_9\n",
        "wrong_instruction 5:21 a says it belongs to inst_9, not to inst_2",
    ),
    wrong(
        "heartbeat",
        "the name of another task",
        BEAT,
        "wrong_name the file's name should be ann_t1.yaml, as it says inside",
        name="ann_t2.yaml",
    ),
    wrong(
        "heartbeat",
        "the name of another agent",
        BEAT,
        "wrong_name the file's name should be ann_t1.yaml, as it says inside",
        name="bob_t1.yaml",
    ),
    wrong(
        "heartbeat",
        "C76: a_b on c, called as a on b_c",
        "agent_name: a_b\ntask_id: c\n",
        "wrong_name the file's name should be a_b_c.yaml, as it says inside",
        name="a_b_d.yaml",
    ),
    wrong(
        "heartbeat",
        "C76: one name for two tasks",
        "agent_name: a_b\ntask_id: c\n",
        "unknown_task inst_1 has no task c",
        name="a_b_c.yaml",
    ),
    wrong(
        "heartbeat",
        "a task that nobody knows",
        "agent_name: ann\ntask_id: t9\n",
        "unknown_task inst_1 has no task t9",
        name="ann_t9.yaml",
    ),
    taken("heartbeat", "in a folder of the agent's", BEAT, name="ann/t1.yaml"),
    wrong(
        "heartbeat",
        "in the folder of another agent",
        BEAT,
        "wrong_name the file's name should be ann_t1.yaml, as it says inside",
        name="bob/t1.yaml",
    ),
    wrong(
        "escalation",
        "another id than its name",
        PLEA,
        "wrong_name the file is called E2.yaml, but the escalation in it E1; make both the same",
        name="E2.yaml",
    ),
    wrong(
        "escalation",
        "a task that nobody knows",
        PLEA + "task_id: t9\n",
        "unknown_task inst_1 has no task t9; name one that it has, or none",
    ),
    wrong(
        "response",
        "to another escalation than its name says",
        REPLY,
        "wrong_name the file is called after E9, but answers e0; make both the same",
        name="E9.response.yaml",
    ),
    wrong(
        "arrival",
        "of a task that does not take part",
        "",
        "no_participant t3 does not take part in api; those who do are t1, t2",
        name="t3.yaml",
    ),
    wrong(
        "arrival",
        "at a checkpoint that nobody names",
        "",
        (
            "unknown_checkpoint no task of inst_1 names a checkpoint nowhere; tasks name theirs under "
            "dependencies: coordination"
        ),
        name="../nowhere/t2.yaml",
    ),
    wrong(
        "arrival",
        "of another task than its name",
        "task_id: t1\n",
        "wrong_name the file is called t2.yaml, but says that t1 has come; make both the same",
    ),
    wrong(
        "arrival",
        "of another attempt",
        "attempt: 7\n",
        "old_attempt this is of attempt 7, but attempt 1 runs; add to it: attempt: 1",
    ),
    wrong(
        "queued",
        "a new task in a queue",
        TASK,
        "unknown_task nobody knows a task new; put new tasks into tasks/pending, from where they are taken in",
    ),
]
