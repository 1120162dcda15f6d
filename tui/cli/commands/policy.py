"""`mission policy`: the policies in force, and what they say."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.errors import CancelledError
from tui.cli.command import DeckGroup, finish
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.reference import execution_argument, find_execution, label_of, step_argument
from tui.cli.shared_options import param_option
from tui.words.safe_text import safe_line

if TYPE_CHECKING:
    from core.security.policy.policies import Policies, Verdict


@click.group("policy", cls=DeckGroup)
def command() -> None:
    """Show the policies in force, and test what they allow."""


@declare("show", short_help="Show the policies in force.")
@click.option("--schema", is_flag=True, help="Print the Cedar schema of what policies can say.")
def show(invocation: Invocation, schema: bool) -> None:
    """Show the policies for missions of this folder: files, rules, and whether they are enforced.

    Exit code 5 if a policy cannot be used; nothing is started then.
    """
    from core.security.policy.policy_file import Layer
    from core.security.policy.policy_rule import schema_text

    if schema:
        invocation.console.out_raw(schema_text())
        return
    policies = invocation.site.policies(invocation.cwd)
    if invocation.json:
        invocation.console.out_json(_policies_json(policies))
        return
    if not policies.contents and policies.is_empty:
        invocation.console.say("there are no policies: everything is allowed, safety aside")
        return
    lines = []
    for content in policies.contents:
        folder, mode = content.folder, policies.settings.mode(content.folder.layer)
        lines.append(f"{safe_line(str(folder.path))}  {folder.layer} layer, {_mode_text(mode)}")
        for rule in policies.rules:
            if Path(rule.path).parent == folder.path:
                place = f"{Path(rule.path).name}:{rule.line}"
                name = "" if rule.id == rule.place else f"  {rule.id}"
                lines.append(f"  {rule.effect}  {safe_line(place)}{safe_line(name)}")
        lines += [f"  not read: {safe_line(name)} (not *.cedar)" for name in content.ignored]
    if policies.settings.system.default_deny:
        mode = policies.settings.mode(Layer.SYSTEM)
        lines.append(f"what no policy permits is denied (default_deny), {_mode_text(mode)}")
    invocation.console.out_lines(lines)


@declare("test", short_help="Test what policies say of a mission or a request.")
@click.argument("file", metavar="MISSION|REQUEST.json|-")
@param_option
def test(invocation: Invocation, file: str, params: tuple[str, ...]) -> None:
    """Tell what safety and policies would say of a mission, or of one request.

    Of a mission the launch and every step is asked about, as far as values are known. A request is
    a JSON object with `action` and, as needed, `mission`, `context` (fields that are left out are
    empty), `user` (NAME@HOST) and `groups`. Nothing is run. Exit code 5 if anything is denied.
    """
    from core.operations.admission.planned_verdicts import (
        PlanDecision,
        known_values,
        planned_verdicts,
    )
    from core.operations.mission_order import make_order, parse_params, read_mission
    from tui.host.security.policy_request_file import read_request
    from tui.output.verdict_list import verdict_json, verdict_lines

    asked = read_request(file)
    if asked is not None:
        verdict = asked.verdict(invocation.site.policies(invocation.cwd))
        _print_verdict(invocation, verdict)
        return
    order = make_order(
        read_mission(file), reference=file, actor=invocation.actor, params=parse_params(params)
    )
    values = known_values(order.mission, order.params)
    verdicts = planned_verdicts(invocation.site, order, values)
    console = invocation.console
    if invocation.json:
        console.out_json({"verdicts": [verdict_json(one) for one in verdicts]})
    else:
        console.out_lines(verdict_lines(verdicts, console.palette, all_of_them=True)[2:])
    if any(one.decision is PlanDecision.DENY for one in verdicts):
        finish(CancelledError.exit_code)


@declare("explain", short_help="Explain what policies said of a step.")
@execution_argument
@step_argument(required=True)
def explain(invocation: Invocation, execution: str, step: str) -> None:
    """Explain what policies said of STEP of EXEC, and what those of today say of it."""
    from core.operations.admission.policy_explanation import explain_policies
    from core.value.timestamp import rfc3339
    from tui.cli.records import open_records
    from tui.output.verdict_list import verdict_json, verdict_text

    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        told = explain_policies(invocation.site, reader, found, step)
        label = label_of(reader, found)
    console = invocation.console
    names = sorted({*told.then, *told.now})
    changed = [name for name in names if told.then.get(name) != told.now.get(name)]
    if invocation.json:
        console.out_json(
            {
                "execution_id": found.execution_id,
                "task_id": step,
                "recorded": [
                    {"type": one.event_type, "ts": rfc3339(one.timestamp), **one.details}
                    for one in told.recorded
                ],
                "policies": [
                    {"path": name, "then": told.then.get(name), "now": told.now.get(name)}
                    for name in names
                ],
                "now": verdict_json(told.verdict),
            }
        )
        return
    lines = [f"{safe_line(step)} of {label}"]
    for one in told.recorded:
        word = "denied" if one.event_type == "policy.violation" else "warned"
        lines.append(f"  {word} then: {safe_line(str(one.details.get('message', '')))}")
    if not told.recorded:
        lines.append("  no policy denied it then" if told.then else "  it ran without policies")
    lines += [f"  changed since: {safe_line(name)}" for name in changed]
    lines.append(f"  today: {verdict_text(told.verdict, console.palette)}")
    console.out_lines(lines)


def _mode_text(mode: str) -> str:
    return "enforced" if mode == "enforce" else "only warns"


def _policies_json(policies: "Policies") -> dict[str, Any]:
    from core.security.policy.policy_file import Layer

    user = policies.user
    return {
        "default_deny": policies.settings.system.default_deny,
        "mode": {layer.value: policies.settings.mode(layer).value for layer in Layer},
        "user": None if user is None else user.full_name,
        "groups": [] if user is None else list(user.groups),
        "files": [
            {"layer": file.layer.value, "path": str(file.path), "sha256": file.sha256}
            for content in policies.contents
            for file in content.files
        ],
        "ignored": [
            str(content.folder.path / name)
            for content in policies.contents
            for name in content.ignored
        ],
        "rules": [
            {
                "id": rule.id,
                "effect": rule.effect,
                "layer": rule.layer.value,
                "path": rule.path,
                "line": rule.line,
            }
            for rule in policies.rules
        ],
    }


def _print_verdict(invocation: Invocation, verdict: "Verdict") -> None:
    console = invocation.console
    if invocation.json:
        console.out_json(
            {
                "decision": verdict.decision.value,
                "rules": list(verdict.rules),
                "places": list(verdict.places),
                "message": verdict.sentence or None,
            }
        )
    elif verdict.is_allowed:
        console.out("allowed")
    else:
        word = "denied" if verdict.is_denied else "warning"
        console.out(f"{word}: {safe_line(verdict.sentence)}")
    if verdict.is_denied:
        finish(CancelledError.exit_code)


for _one in (show, test, explain):
    command.add_command(_one)
