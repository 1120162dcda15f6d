"""Checks the services of a mission: that steps use them, and that what is probed has a form."""

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Problems
from core.mission_file.keys.top_level import Draft
from core.mission_file.meaning.step_parameters import ParameterCheck

_PROBES = ("port", "url", "file")


def check_services(draft: Draft, problems: Problems) -> None:
    """Report services that no step depends on, and probes that `wait_for` would refuse."""
    needed = {name for step in draft.steps if step is not None for name in step.depends_on}
    check = ParameterCheck(problems, may_template=True).check
    for index, step in enumerate(draft.steps):
        if step is None or not step.service:
            continue
        path = ("steps", index)
        if step.id not in needed and None not in draft.steps:
            problems.error(
                Code.BAD_VALUE,
                f"no step depends on the service `{step.id}`: it would end at once",
                (*path, "service"),
                hint="name it in the `depends_on` of the steps that need it",
            )
        probe = (
            None
            if step.ready is None
            else {
                name: value for name in _PROBES if (value := getattr(step.ready, name)) is not None
            }
        )
        if probe:
            check("wait_for", probe, (*path, "ready"), step.id)
