"""Implements `mission run`: runs a mission in this process or detached, and reports its outcome."""

import asyncio
import gc
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from core.domain.mission import Mission
from core.domain.mission_result import mission_result
from core.domain.records import Execution, MissionResult, TaskRun
from core.domain.states import ExecutionState
from core.errors import ConflictError, UsageError
from core.launch.order import Order, launch
from core.machine.event_loop import run_suspend_aware
from core.mission_file.load import Loaded
from core.operations.admission.policy_check import admit, policies_of
from core.operations.executor.executor_check import with_slots
from core.operations.mission_order import STDIN, make_order, read_mission
from core.operations.mission_secret_check import ordered_secrets, require_secrets
from core.operations.queue import require_turn
from core.runner.drive import drive
from core.runner.drive_plan import ArtifactPlace, Driven, DrivePlan
from core.runner.stop_signal import StopSignals
from tui.cli.command import finish
from tui.cli.following.end_notice import NOTHING, AtEnd
from tui.cli.following.given_labels import given_labels, given_title
from tui.cli.following.outcome import exit_code
from tui.cli.given_params import ParamSources, given_params
from tui.cli.invocation import Invocation
from tui.cli.printing.progress import Progress
from tui.cli.printing.step_output import OutputMode, StepOutput
from tui.cli.records import open_records
from tui.host.session import protected_paths, shared_slots
from tui.host.version import VERSION
from tui.output.json_shapes import reference_of
from tui.words.cancel_text import signal_text
from tui.words.run_label import full_argument, run_name
from tui.words.safe_text import safe_line


class _Ran(Struct, frozen=True):
    """The outcome of a run in this process, and its exit code."""

    driven: Driven
    result: MissionResult
    execution: Execution
    tasks: Mapping[str, TaskRun]
    code: int


def run_mission(
    invocation: Invocation,
    file: str,
    *,
    params: ParamSources,
    at_end: AtEnd = NOTHING,
    detach: bool,
    dry_run: bool,
    resume_from: str | None,
    only: Sequence[str],
    targets: Sequence[str],
    skip: Sequence[str],
    run_id: str | None,
    max_parallel: int | None,
    output: OutputMode | None,
    quiet: bool,
    force: Sequence[str] = (),
    labels: Sequence[str] = (),
    title: str | None = None,
    keep_going: bool = False,
    breakpoints: Sequence[str] = (),
) -> None:
    """Run a mission as `mission run` with these options; exit with the code of the outcome."""
    _refuse_output_of_detached(output, detach=detach)
    if detach and at_end != NOTHING:
        raise UsageError(
            "--on-end and --notify cannot be combined with --detach",
            hint="`mission watch` has both",
        )
    gc.disable()  # loading creates many long-lived objects; collections would only waste time
    given = given_params(invocation, params)
    loaded = read_mission(file)
    if not loaded.ok:
        _record_rejection(invocation, loaded)
    elif loaded.mission is not None and any(param.secret for param in loaded.mission.params):
        from tui.cli.secret_input import take_secret_inputs

        given = take_secret_inputs(invocation, loaded.mission, given, is_stdin_used=file == STDIN)
    order = make_order(
        loaded,
        reference=file,
        actor=invocation.actor,
        params=given,
        parallel_limit=max_parallel,
        run_key=run_id,
        labels=given_labels(labels),
        title=given_title(title),
    )
    if force:
        from core.launch.forced_steps import forced_steps

        order = replace(order, forced=forced_steps(order, force))
    order = replace(order, keep_going=keep_going)
    if resume_from and (only or targets):
        option = "--only" if only else "--target"
        raise UsageError(f"{option} and --resume-from cannot be combined")
    if not dry_run:
        invocation.console.best_effort()
    if only or targets or skip or resume_from:
        order = _restricted(
            invocation, order, only=only, targets=targets, skip=skip, resume_from=resume_from
        )
    if breakpoints:
        from core.launch.breakpoints import breakpoints_of

        order = replace(order, breakpoints=breakpoints_of(order, breakpoints))
    if dry_run:
        from tui.cli.commands.plan import show_plan

        show_plan(invocation, order)
        return
    gc.enable()
    _run_order(invocation, order, at_end=at_end, detach=detach, output=output, quiet=quiet)


def run_loaded(
    invocation: Invocation,
    loaded: Loaded,
    *,
    detach: bool,
    output: OutputMode | None,
    quiet: bool,
) -> None:
    """Run a mission that is in no file, in the current folder, to its end as `mission run` does."""
    _refuse_output_of_detached(output, detach=detach)
    order = make_order(loaded, reference=STDIN, actor=invocation.actor, params={})
    invocation.console.best_effort()
    _run_order(invocation, order, detach=detach, output=output, quiet=quiet)


def _refuse_output_of_detached(output: OutputMode | None, *, detach: bool) -> None:
    if detach and output is not None:
        raise UsageError(
            "--output cannot be combined with --detach", hint="use `mission logs -f EXEC`"
        )


def _run_order(
    invocation: Invocation,
    order: Order,
    *,
    at_end: AtEnd = NOTHING,
    detach: bool,
    output: OutputMode | None,
    quiet: bool,
) -> None:
    def run_known(known: Execution) -> None:
        from tui.cli.following.existing_run import drive_if_abandoned, report_existing

        if detach:
            drive_if_abandoned(invocation, known)
            _tell_detached(invocation, known, quiet=quiet)
        else:
            usual = OutputMode.NONE if invocation.json else OutputMode.ERRORS
            report_existing(invocation, known, at_end=at_end, output=output or usual, quiet=quiet)

    known = _known(invocation, order)
    if known is None:
        try:
            _run_new(invocation, order, at_end=at_end, detach=detach, output=output, quiet=quiet)
        except ConflictError:  # another command may have used the key in the meantime
            known = _known(invocation, order)
            if known is None:
                raise
    if known is not None:
        run_known(known)


def _known(invocation: Invocation, order: Order) -> Execution | None:
    """Return the execution that was already started with the order's idempotency key, if any."""
    if order.run_key is None or not invocation.paths.has_database:
        return None
    with open_records(invocation) as reader:
        return reader.find_run_key(order.mission.workflow_id, order.run_key)


def _run_new(
    invocation: Invocation,
    order: Order,
    *,
    at_end: AtEnd,
    detach: bool,
    output: OutputMode | None,
    quiet: bool,
) -> None:
    if any(param.secret for param in order.mission.params):
        from tui.cli.secret_input import ask_secret_inputs

        ask_secret_inputs(invocation, order.mission, ordered_secrets(order))
    if detach:
        from core.operations.launch import launch_detached

        execution = asyncio.run(launch_detached(invocation.site, order))
        _tell_detached(invocation, execution, quiet=quiet)
        return
    progress = _progress(invocation, order.mission, output, quiet=quiet)
    with StopSignals() as signals:
        ran = run_suspend_aware(_run_here(invocation, order, signals, progress))
        progress.close()
        if ran.code or not quiet or invocation.json:
            _show_end(invocation, ran)
    at_end.tell(invocation, ran.execution, ran.code)
    finish(ran.code)


def _record_rejection(invocation: Invocation, loaded: Loaded) -> None:
    """Record the attempt to run an invalid mission in the audit log, if there is a database."""
    if loaded.source is not None and invocation.paths.has_database:
        from core.operations.log_note import record_rejection

        asyncio.run(record_rejection(invocation.site, loaded.source, loaded.path))


def _restricted(
    invocation: Invocation,
    order: Order,
    *,
    only: Sequence[str],
    targets: Sequence[str],
    skip: Sequence[str],
    resume_from: str | None,
) -> Order:
    from core.operations.relaunch import select_steps

    restrict = partial(select_steps, only=only, targets=targets, skip=skip, resume_from=resume_from)
    if not invocation.paths.has_database:
        return restrict(order, None)
    with open_records(invocation) as reader:
        return restrict(order, reader)


def _tell_detached(invocation: Invocation, execution: Execution, *, quiet: bool) -> None:
    console = invocation.console
    if invocation.json:
        console.out_json(
            {
                "execution_id": execution.execution_id,
                "workflow_id": execution.workflow_id,
                "run_number": execution.run_number,
                "reference": reference_of(execution),
            }
        )
    else:
        console.out(execution.execution_id)
        if not quiet:
            name, how = safe_line(run_name(execution)), safe_line(full_argument(execution))
            console.say(f"{name} runs detached; watch it with `mission watch {how}`")


def _progress(
    invocation: Invocation, mission: Mission, output: OutputMode | None, *, quiet: bool
) -> Progress:
    console = invocation.console
    usual = OutputMode.NONE if invocation.json else OutputMode.ERRORS
    palette = console.error_palette if invocation.json else console.palette
    return Progress(
        console,
        StepOutput(output or usual, invocation.paths.db, palette),
        handlers={step.id for step in mission.handlers.all},
        quiet=quiet or invocation.json,
        on_stderr=invocation.json,
    )


async def _run_here(
    invocation: Invocation, order: Order, signals: StopSignals, progress: Progress
) -> _Ran:
    site = invocation.site
    policies = policies_of(site, order)
    require_secrets(site, order, invocation.environ)
    require_turn(site, order)
    order = await with_slots(site, order)
    async with site.open_store() as store:
        order = await admit(site, policies, order, store=store)
        snapshot, events = await launch(order, site.clock, store.journal)
        progress.show(events)
        driven = await drive(
            site,
            store,
            DrivePlan(
                mission=order.mission,
                snapshot=snapshot,
                working_dir=Path(order.working_dir),
                actor=order.actor,
                environ=invocation.environ,
                version=VERSION,
                protected=protected_paths(invocation.paths),
                slots=shared_slots(invocation.paths, invocation.settings.parallel_limit),
                data_folder=invocation.paths.db.parent,
                breaker=invocation.settings.breaker,
                artifacts=ArtifactPlace(
                    folder=invocation.paths.artifacts, limits=invocation.settings.artifacts
                ),
                observer=progress.show,
                masker=invocation.masker,
                policies=policies,
                signals=signals,
                on_signal=lambda received: invocation.console.say(
                    signal_text(received.name, received.scope, snapshot.tasks, order.mission)
                ),
            ),
        )
        signals.over(invocation.console.abandon)
    intact = False
    if invocation.json:
        from tui.host.integrity import is_execution_intact

        intact = is_execution_intact(invocation.paths, snapshot.current.execution_id)
    result = mission_result(
        order.mission,
        snapshot,
        events_logged=driven.receipt.execution_events if driven.receipt else 0,
        integrity_verified=intact,
    )
    tasks = snapshot.tasks.values()
    code = exit_code(driven.ending.state, driven.ending.reason, tasks)
    if driven.signal is not None and driven.ending.state is ExecutionState.CANCELLED:
        code = 128 + driven.signal
    return _Ran(driven, result, snapshot.current, snapshot.tasks, code)


def _show_end(invocation: Invocation, ran: _Ran) -> None:
    console, result = invocation.console, ran.result
    if invocation.json:
        from tui.output.json_shapes import result as result_shape

        console.out_json(result_shape(result))
        return
    from tui.output.run_summary import annotation_lines, ending_lines

    if invocation.environ.get("GITHUB_ACTIONS") == "true":
        console.out_lines(list(annotation_lines(result, ran.tasks)))
    console.flush()
    ending, receipt, palette = ran.driven.ending, ran.driven.receipt, console.error_palette
    for line in ending_lines(result, ran.execution, ran.tasks, ending, receipt, palette):
        console.say(line)
