"""What a retry changes: keys of steps, the whole mission file, and parameters.

The recorded mission stays as it is. An amended one is new bytes with a digest of their own, which
are validated as any mission is, and recorded with the linked execution that runs them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from core.domain.events import dump_json
from core.domain.mission import EMPTY, INPUT_PREFIX, Mission, MissionSource
from core.domain.records import Execution
from core.errors import UsageError
from core.explain.change import Aspect, Change, change_text, difference, differences
from core.explain.definition_changes import all_definition_changes
from core.mission_file.keys.param_values import resolve_params
from core.mission_file.load import load_mission
from core.operations.amending.mission_edit import edited, parse_settings
from core.operations.mission_order import require_valid
from core.operations.secret_input import split_inputs
from core.output.masker import MASK_TEXT

MAX_RECORDED_CHANGES = 200
MAX_VALUE_CHARACTERS = 1_000
"""Of a value so much is recorded in the audit log; the mission's own bytes hold all of it."""


class Wish(Struct, frozen=True, kw_only=True):
    """What a user wants to be different, as it was typed."""

    settings: Sequence[str] = ()
    """`STEP.KEY=VALUE`."""
    params: Mapping[str, Any] = EMPTY
    content: bytes | None = None
    """The mission file as it was edited; None if it was not."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be different."""
        return not (self.settings or self.params or self.content is not None)


class Amendment(Struct, frozen=True, kw_only=True):
    """The mission and the parameters of a retry, and what differs from the execution it retries."""

    mission: Mission
    source: MissionSource
    params: Mapping[str, Any]
    changes: tuple[Change, ...]
    variables: Mapping[str, str] = EMPTY
    """The variables with the values of secret inputs that were given, which are not recorded."""

    def facts(self) -> dict[str, Any]:
        """Return what the audit log records of it."""
        found: dict[str, Any] = {
            "mission_sha256": self.source.digest,
            "changes": [_recorded(one) for one in self.changes[:MAX_RECORDED_CHANGES]],
        }
        if len(self.changes) > MAX_RECORDED_CHANGES:
            found["more_changes"] = len(self.changes) - MAX_RECORDED_CHANGES
        return found

    @property
    def lines(self) -> list[str]:
        """Return the changes in words, one per line."""
        return [amended_text(one) for one in self.changes]


def amend(
    execution: Execution, mission: Mission, source: MissionSource, wish: Wish
) -> Amendment | None:
    """Return what a retry of `execution` runs; None if a wish changes nothing.

    Raises `UsageError` for what cannot be set, `MissionInvalidError` for a mission that is not
    valid any more.
    """
    content, fmt = source.content if wish.content is None else wish.content, source.format
    if wish.settings:
        ids = [step.id for step in mission.all_steps]
        content, fmt = edited(content, fmt, parse_settings(wish.settings, ids))
    amended, new_source = mission, source
    if content != source.content:
        loaded = load_mission(content, name=f"{source.name} (amended)", fmt=fmt)
        amended, new_source = require_valid(loaded)
        new_source = replace(new_source, name=source.name)
        _require_same_steps(mission, amended)
    given, variables = split_inputs(amended, wish.params)
    params = execution.params
    if given or amended.params != mission.params:
        params = resolve_params(amended, {**_kept(params, amended), **given})
    found = difference(Aspect.FILE, "", source.digest, new_source.digest)
    found += all_definition_changes(mission, amended)
    found += differences(Aspect.PARAMETER, execution.params, params)
    found += [
        Change(aspect=Aspect.PARAMETER, name=name.removeprefix(INPUT_PREFIX), after=MASK_TEXT)
        for name in variables
    ]
    if not found:
        return None
    return Amendment(
        mission=amended,
        source=new_source,
        params=params,
        changes=tuple(found),
        variables=variables,
    )


def amended_text(change: Change) -> str:
    """Return one change in a line, with the step it is about."""
    text = change_text(change)
    return text if change.task_id is None else f"step `{change.task_id}`, {text}"


def _recorded(change: Change) -> dict[str, str]:
    found = {"aspect": change.aspect.value, "name": change.name}
    if change.task_id is not None:
        found["step"] = change.task_id
    for key, value in (("before", change.before), ("after", change.after)):
        if value is not UNSET:
            text = f"{value:g}" if isinstance(value, float) else dump_json(value)
            text = value if isinstance(value, str) else text
            found[key] = text[:MAX_VALUE_CHARACTERS]
    return found


def _kept(params: Mapping[str, Any], mission: Mission) -> dict[str, Any]:
    """Return the recorded parameters that the amended mission still has."""
    names = {param.name for param in mission.params}
    return {name: value for name, value in params.items() if name in names and value is not None}


def _require_same_steps(before: Mission, after: Mission) -> None:
    """Refuse an amendment that is another mission: a retry is of the same steps."""
    if after.name != before.name:
        raise UsageError(
            f"the mission's name cannot be amended: `{before.name}` → `{after.name}`",
            hint="`mission run` starts another mission",
        )
    old, new = [s.id for s in before.all_steps], [s.id for s in after.all_steps]
    if old != new:
        other = sorted(set(old) ^ set(new)) or new
        raise UsageError(
            "an amendment changes steps, but neither adds, removes nor moves them: "
            f"{', '.join(f'`{one}`' for one in other[:5])}",
            hint="`mission run` starts the changed mission afresh",
        )
