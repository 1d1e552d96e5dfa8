"""Keys that are missing, unknown or misspelt, actions that are half: C69 of the fault catalogue."""

from tests.hostile.case import BEAT, MANIFEST, MET, PLAN, PLEA, TASK, taken, wrong

# --- C69: keys that are missing, unknown or misspelt
CASES = [
    wrong("instruction", "no description", "mode: swarm\n", "schema 1:1 description: missing; add it"),
    wrong(
        "instruction",
        "a mode that nobody knows",
        "description: All of it\nmode: swarmm\n",
        "schema 2:7 mode: expected sequential, pipeline, swarm, mesh; found 'swarmm'; did you mean 'swarm'?",
    ),
    taken("instruction", "a mode", "description: All of it\nmode: swarm\n"),
    wrong(
        "queues",
        "a strategy that nobody knows",
        "retry_logic: {backoff_strategy: hopeful}\n",
        (
            'wrong_value 1:33 retry_logic.backoff_strategy: expected a section of keys, found "hopeful"; '
            "what was in force stays"
        ),
    ),
    wrong(
        "task",
        "nothing that is required",
        "priority: low\n",
        "schema 1:1 task_id: missing; add it",
        "schema 1:1 description: missing; add it",
    ),
    taken(
        "task",
        "a key that is misspelt",
        TASK + "prioritty: high\n",
        "3:1: prioritty: unknown key, kept but not read; did you mean 'priority'?",
    ),
    taken("task", "a key that nobody knows", TASK + "mood: good\n", "3:1: mood: unknown key, kept but not read"),
    wrong(
        "task",
        "a required key in capitals",
        "TASK_ID: new\ndescription: Do it\n",
        "schema 1:1 task_id: missing; is 'TASK_ID' in line 1 meant?",
    ),
    wrong(
        "manifest",
        "artefacts",
        MANIFEST + "artefacts: []\n",
        (
            "schema 1:1 artifacts: missing; a completed manifest lists its artifacts, be it `artifacts: "
            "[]`; is 'artefacts' in line 4 meant?"
        ),
    ),
    wrong(
        "manifest",
        "no artifacts at all",
        MANIFEST,
        "schema 1:1 artifacts: missing; a completed manifest lists its artifacts, be it `artifacts: []`",
    ),
    wrong("manifest", "no status", "task_id: t1\nsubagent: ann\nartifacts: []\n", "schema 1:1 status: missing; add it"),
    wrong("heartbeat", "nobody's", "task_id: t1\n", "schema 1:1 agent_name: missing; add it"),
    taken("heartbeat", "the names of an older version", "subagent_name: ann\ncurrent_task_id: t1\n"),
    wrong(
        "escalation",
        "a camel-case key",
        PLEA.replace("from_agent", "fromAgent"),
        "schema 1:1 from_agent: missing; is 'fromAgent' in line 2 meant?",
    ),
    taken(
        "heartbeat",
        "a key that is misspelt",
        BEAT + "progres_percentage: 40\n",
        "3:1: progres_percentage: unknown key, kept but not read; did you mean 'progress_percentage'?",
    ),
    taken("heartbeat", "what it uses, in its own words", BEAT + "resource_utilization: {gpus: 3}\n"),
    taken(
        "manifest",
        "misspelt keys, also inside",
        MANIFEST + "artifacts: []\n" + MET + "quality_metrics: {test_covrage: 0.9}\nsubagent_note: done\n",
        "6:19: quality_metrics.test_covrage: unknown key, kept but not read; did you mean 'test_coverage'?",
        "7:1: subagent_note: unknown key, kept but not read; did you mean 'subagent_notes'?",
    ),
    taken(
        "manifest",
        "what it has found, in its own words",
        MANIFEST + "artifacts: []\n" + MET + "issues_found: [{where: a.py}]\nfollow_up_tasks: {soon: [b]}\n",
    ),
    taken(
        "request",
        "a key that is misspelt",
        "action: cancel\ntask_id: t3\nresaon: not needed\n",
        "3:1: resaon: unknown key, kept but not read; did you mean 'reason'?",
    ),
    taken(
        "instruction",
        "a key that is misspelt",
        "description: All of it\nmax_concurent: 4\n",
        "2:1: max_concurent: unknown key, kept but not read; did you mean 'max_concurrent'?",
    ),
    taken("arrival", "keys of its own", "proposal: [200, 404]\natempt: 7\n"),
    wrong("request", "the wrong key for the action", "command: pause\n", "schema 1:1 action: missing; add it"),
    taken(
        "escalation",
        "a key in another language",
        PLEA + "Dringlichkeit: hoch\n",
        "5:1: Dringlichkeit: unknown key, kept but not read",
    ),
    taken(
        "plan",
        "a misspelt key in a task",
        PLAN + "    dependancies: [b]\n",
        "5:5: tasks.0.dependancies: unknown key, kept but not read; did you mean 'dependencies'?",
    ),
]
