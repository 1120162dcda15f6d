"""What a run is called where there is little room; its names are those of `core.launch.run_label`.

Results are not yet made safe for a terminal: names come from mission files.
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
    """Return how many characters of `run_name` are to survive when it is cut: those of `#7`."""
    reference = run_reference(run.mission_name, run.run_number)
    return 0 if reference is None else len(reference) - reference.rindex(MARK)
