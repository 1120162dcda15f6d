"""Labels of runs for narrow columns; the names themselves are those of `core.launch.run_label`.

The results are not made safe for a terminal: names come from mission files.
"""

from core.launch.run_label import Run
from core.launch.run_label import full_argument as full_argument
from core.launch.run_label import full_label as full_label
from core.launch.run_label import run_argument as run_argument
from core.launch.run_label import run_label as run_label
from core.launch.run_label import run_name as run_name
from core.launch.run_number import MARK, run_reference

SUBSET = "subset"
"""The word for a run that leaves out steps (`core.domain.states.Coverage.SUBSET`)."""


def number_width(run: Run) -> int:
    """Return how many trailing characters of `run_name` must not be cut: those of `#7`."""
    reference = run_reference(run.mission_name, run.run_number)
    return 0 if reference is None else len(reference) - reference.rindex(MARK)
