"""What came of a storm, in figures that a stranger can read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.storm.checks import AGENTS, DONE, RETRY, WORK, Evidence, stale_results


@dataclass(slots=True)
class Outcome:
    """Figures in the order of the table, and everything that must not be."""

    figures: dict[str, object] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def table(self) -> Iterator[str]:
        """One line a figure, and the number of violations."""
        rows = {**self.figures, "violations": len(self.violations)}
        width = max(map(len, rows))
        yield from (f"{name:<{width}}  {value}" for name, value in rows.items())


def figures(seen: Evidence, count: Mapping[str, int]) -> dict[str, object]:
    """What was done to it, and what it did."""
    moves = [line for lines in seen.moved.values() for line in lines]
    places = [place for places in seen.lies.values() for place in places]
    came_back = [line for line in moves if line["from"] == WORK and line["to"].startswith((RETRY, AGENTS))]
    failed = sum(where != DONE for where in seen.expected.values())
    return {
        "tasks of the plan": len(seen.expected),
        "agents killed with -9, each replaced at once": count["agents killed"],
        "agents frozen beyond their lease": count["agents frozen"],
        "daemons killed with -9": count["daemons killed"],
        "second daemons, all sent away": count["second daemons"],
        "lines in the journal": len(seen.lines),
        "changes of state, each one rename and one line": len(moves),
        "- claims": sum(line["to"] == WORK and line["from"].startswith(AGENTS) for line in moves),
        "- claims that came back: failed, gone stale, over the limit": len(came_back),
        "- intents that came to nothing: killed, or somebody was first": len(seen.events("void")),
        "manifests rejected": len(seen.events("rejected")),
        "results accepted": len(seen.events("accepted")),
        "results of attempts that had ended, none accepted": len(stale_results(seen)),
        f"tasks completed (all but {failed}, which cannot be)": places.count(DONE),
        "tasks lost": sum(len(seen.lies.get(task, ())) == 0 for task in seen.expected),
        "tasks doubled": sum(len(places) > 1 for places in seen.lies.values()),
    }
