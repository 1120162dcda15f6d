"""Paths of steps: the ids of the steps that lead from a run down into its sub-missions."""

SEPARATOR = "\x1f"
"""Between the ids of a path; no step id has it."""


def joined(path: str, task_id: str) -> str:
    """Return the path of a step within the sub-mission at `path`; empty for the run itself."""
    return f"{path}{SEPARATOR}{task_id}" if path else task_id


def step_of(path: str) -> str:
    """Return the step of the run itself that a path begins with."""
    return path.partition(SEPARATOR)[0]


def parent_of(path: str) -> str:
    """Return the path of the step whose sub-mission a path lies in; empty for a step of the run."""
    return path.rpartition(SEPARATOR)[0]


def last_of(path: str) -> str:
    """Return the id of the step that a path leads to."""
    return path.rpartition(SEPARATOR)[2]
