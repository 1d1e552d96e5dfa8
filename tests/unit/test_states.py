"""The table of legal moves against the lines of PROTOCOL section 5; the names of places; how tasks are counted."""

import itertools

import pytest

from cagents_fs.model.states import (
    COUNTED_AS,
    COUNTS,
    FINAL,
    FOLDERED,
    LEGAL,
    NOT_STARTED,
    ORDER_OF_LIFE,
    TABLE,
    UNFINISHED,
    State,
    folder_of,
    is_legal,
    place_of,
    state_of,
)

# PROTOCOL section 5, line by line, in the words of the directories.
PROTOCOL = """
pending                                  -> waiting                                          daemon
pending                                  -> global                                           daemon
waiting                                  -> global domains agents                            daemon
global                                   -> domains agents                                   daemon
domains                                  -> agents                                           daemon
agents                                   -> domains                                          daemon
global domains agents                    -> waiting                                          daemon
agents                                   -> in_progress                                      agent
in_progress                              -> agents                                           daemon
in_progress retry                        -> under_review                                     daemon
in_progress under_review                 -> completed                                        daemon
under_review                             -> in_progress                                      daemon
under_review                             -> retry                                            daemon
in_progress under_review                 -> blocked                                          daemon
pending waiting global domains agents retry -> blocked                                       daemon
in_progress                              -> retry                                            daemon
retry                                    -> waiting global                                   daemon
in_progress under_review retry blocked   -> failed                                           daemon
blocked                                  -> in_progress waiting global retry                 daemon
failed cancelled                         -> waiting global                                   request
pending waiting global domains agents in_progress under_review retry blocked -> cancelled    request
"""
STATES = {state.name.lower(): state for state in State}
PLACES = [place_of(state, folder) for state in State for folder in (("ann", "bob") if state in FOLDERED else (None,))]


def from_the_protocol() -> set[tuple[State, State, str]]:
    allowed = set()
    for line in PROTOCOL.strip().splitlines():
        sources, _, rest = line.partition("->")
        *targets, who = rest.split()
        allowed |= {(STATES[one], STATES[other], who) for one in sources.split() for other in targets}
    return allowed


def test_the_table_has_exactly_the_moves_of_the_protocol_and_who_may_make_them() -> None:
    ours = {(one, other, row.who.value) for row in TABLE for one in row.sources for other in row.targets}

    assert ours == from_the_protocol()


def test_a_move_is_legal_exactly_where_the_protocol_has_a_line_for_it() -> None:
    pairs = {(one, other) for one, other, _ in from_the_protocol()}

    for source, target in itertools.product(PLACES, PLACES):
        assert is_legal(source, target) == ((state_of(source), state_of(target)) in pairs), (source, target)


def test_every_row_of_the_table_says_when() -> None:
    assert all(row.when.strip() for row in TABLE)


def test_no_task_goes_straight_from_one_agents_queue_to_anothers() -> None:
    assert not is_legal("queues/agents/ann", "queues/agents/bob")
    assert not is_legal("queues/domains/software", "queues/domains/legal")


def test_what_is_completed_never_moves_again() -> None:
    assert {target for source, target in LEGAL if source is State.COMPLETED} == set()


def test_every_unfinished_state_can_be_cancelled_and_no_finished_one() -> None:
    assert {source for source, target in LEGAL if target is State.CANCELLED} == set(UNFINISHED)


def test_what_has_not_started_can_still_be_blocked() -> None:
    assert {(state, State.BLOCKED) for state in NOT_STARTED} <= LEGAL


@pytest.mark.parametrize("place", PLACES)
def test_a_place_names_its_state_and_its_folder_and_back(place: str) -> None:
    assert place_of(state_of(place), folder_of(place)) == place


@pytest.mark.parametrize(
    ("place", "state", "folder"),
    [
        ("tasks/pending", State.PENDING, None),
        ("queues/waiting_on_dependencies", State.WAITING, None),
        ("queues/agents/ann-2", State.AGENTS, "ann-2"),
        ("queues/domains/software", State.DOMAINS, "software"),
        ("queues/retry", State.RETRY, None),
        ("tasks/under_review", State.UNDER_REVIEW, None),
    ],
)
def test_directories_are_read_as_the_protocol_names_them(place: str, state: State, folder: str | None) -> None:
    assert (state_of(place), folder_of(place)) == (state, folder)


@pytest.mark.parametrize(
    "place", ["", "tasks", "queues", "tasks/done", "queues/nobody/x", "outputs/partial", "pending"]
)
def test_any_other_folder_stands_for_no_state(place: str) -> None:
    with pytest.raises(ValueError, match="is not a valid State"):
        state_of(place)


@pytest.mark.parametrize(("state", "folder"), [(State.AGENTS, None), (State.GLOBAL, "ann")])
def test_a_place_without_the_folder_it_needs_or_with_one_too_many_is_impossible(
    state: State, folder: str | None
) -> None:
    with pytest.raises(AssertionError):
        place_of(state, folder)


def test_status_counts_all_queues_from_which_work_is_taken_as_queued_and_the_rest_by_name() -> None:
    queued = {state for state, counted in COUNTED_AS.items() if counted == "queued"}

    assert queued == {State.GLOBAL, State.DOMAINS, State.AGENTS}
    assert COUNTED_AS[State.WAITING] == "waiting"
    assert {COUNTED_AS[state] for state in FINAL} == {"completed", "failed", "cancelled"}


def test_every_state_is_counted_under_one_of_the_names_that_status_shows() -> None:
    assert set(COUNTED_AS) == set(State)
    assert set(COUNTED_AS.values()) == set(COUNTS)
    assert " ".join(COUNTS) == (
        "pending waiting queued in_progress under_review blocked retry completed failed cancelled"
    )


def test_the_way_of_a_task_that_goes_well_is_read_from_its_source_to_its_destination() -> None:
    way = ["pending", "waiting", "global", "domains", "agents", "in_progress", "under_review", "completed"]
    positions = [ORDER_OF_LIFE[STATES[name]] for name in way]

    assert positions == sorted(positions)
    assert sorted(ORDER_OF_LIFE.values()) == list(range(len(State)))
