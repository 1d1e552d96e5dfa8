"""The registry: every change of state that the product makes, as scenes. A change that is in none fails the suite."""

from cagents_fs.model.states import State
from tests.crash import scenes_commands, scenes_odd, scenes_people, scenes_work

SCENES = (*scenes_work.SCENES, *scenes_people.SCENES, *scenes_odd.SCENES, *scenes_commands.SCENES)
# Completion and promotion: here every pair of two crashes is played, not a sample.
DEEP = ("accepted", "accepted-many-wait", "reviewed", "finished")
# Rows of the table of legal moves that no rule of this version takes: they are there for moves by hand, and for answers
# that say so in one step where this version takes two.
NEVER = {
    (State.RETRY, State.FAILED): "late work that is rejected goes back to `retry`, and fails from `in_progress`",
    (State.BLOCKED, State.FAILED): "an answer cancels, or begins anew; nothing fails while it is blocked",
    (State.FAILED, State.WAITING): "what has begun once had all it waited for; only `cancelled` has not",
}
