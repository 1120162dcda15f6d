"""`mission schedule`: let the timers of this machine start a mission."""

import sys
from pathlib import Path

import click

from core.errors import UsageError
from tui.cli.command import DeckGroup
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.mission_argument import mission_file
from tui.cli.shared_options import mission_argument, param_option
from tui.host.scheduling import cron_line, systemd_timer
from tui.host.scheduling.scheduled_run import Schedule, ScheduledRun, schedule_name
from tui.host.site import EXECUTOR_VARIABLE
from tui.words.safe_text import safe_line

_PASSED_ON = ("MISSION_HOME", "MISSION_DB", EXECUTOR_VARIABLE, "MISSION_WITNESS_FILE", "PATH")
"""Variables of this moment that the run gets, too."""


@click.group("schedule", cls=DeckGroup)
def command() -> None:
    """Let systemd or cron start a mission again and again, and show what is installed.

    Mission Deck has no daemon of its own: the timer runs `mission run`, and the run is recorded
    like any other.
    """


@declare("add", short_help="Install a timer for a mission.")
@mission_argument
@param_option
@click.option("--on", "calendar", metavar="TIME", help="A systemd timer, such as `Mon..Fri 03:00`.")
@click.option("--cron", metavar="TIME", help='A line in the crontab, such as "0 3 * * 1-5".')
@click.option("--name", metavar="NAME", help="Its name; by default that of the mission.")
@click.option("--print", "only_print", is_flag=True, help="Print what would be written.")
def add(
    invocation: Invocation,
    file: str | None,
    params: tuple[str, ...],
    calendar: str | None,
    cron: str | None,
    name: str | None,
    only_print: bool,
) -> None:
    """Install a timer that runs the mission FILE; it replaces one of the same name.

    The mission and its parameters are checked first. The run gets these variables as they are
    now: MISSION_HOME, MISSION_DB, MISSION_EXECUTOR, MISSION_WITNESS_FILE and PATH. A systemd timer
    is one of the user's: it runs while the user is logged in, or always after `loginctl
    enable-linger`.
    """
    from core.mission_file.keys.param_values import resolve_params
    from core.operations.mission_order import STDIN, make_order, parse_params, read_mission

    if (calendar is None) == (cron is None):
        raise UsageError("name the time by either --on or --cron")
    reference = mission_file(invocation, file)
    if reference == STDIN:
        raise UsageError("a timer needs a mission in a file")
    order = make_order(
        read_mission(reference),
        reference=reference,
        actor=invocation.actor,
        params=parse_params(params),
    )
    resolve_params(order.mission, order.params)
    path = Path(reference).absolute()
    pairs = [word for pair in params for word in ("-p", pair)]
    run = ScheduledRun(
        name=schedule_name(name or order.mission.name),
        when=(calendar or cron or "").strip(),
        command=(_program(), "run", "--quiet", str(path), *pairs),
        folder=str(path.parent),
        environ={one: invocation.environ[one] for one in _PASSED_ON if one in invocation.environ},
    )
    if cron is not None:
        cron_line.check_cron(run.when)
    else:
        systemd_timer.check_calendar(run.when, invocation.environ)
    if only_print:
        _print(invocation, run, is_cron=cron is not None)
        return
    left: list[str] = []
    if cron is not None:
        cron_line.install(run, invocation.environ)
    else:
        left = systemd_timer.install(run, invocation.environ)
    _tell(invocation, "installed", run.name, left)


@declare("list", short_help="Show the timers that are installed.")
def show(invocation: Invocation) -> None:
    """Show the timers that `mission schedule add` has installed, and when they are due next."""
    found = _installed(invocation)
    console = invocation.console
    if invocation.json:
        console.out_json({"schedules": [_shape(one) for one in found]})
        return
    if not found:
        console.say("no timers are installed; `mission schedule add` installs one")
    for one in found:
        state = {True: "active", False: "not active", None: "not known to run"}[one.is_active]
        due = "" if one.upcoming is None else f", next {one.upcoming}"
        where = "in the crontab" if one.by == "cron" else f"{state}{due}"
        console.out(safe_line(f"{one.name}  {one.by}  {one.when}  {where}"))
        console.out(f"  {safe_line(one.command)}")


@declare("remove", short_help="Remove a timer.")
@click.argument("name", metavar="NAME")
def remove(invocation: Invocation, name: str) -> None:
    """Remove the timer NAME; runs that were started go on."""
    is_cron = any(one.by == "cron" and one.name == name for one in _installed(invocation))
    left: list[str] = []
    if is_cron:
        cron_line.remove(name, invocation.environ)
    else:
        left = systemd_timer.remove(schedule_name(name), invocation.environ)
    _tell(invocation, "removed", name, left)


def _installed(invocation: Invocation) -> list[Schedule]:
    environ = invocation.environ
    return [*systemd_timer.installed(environ), *cron_line.installed(environ)]


def _print(invocation: Invocation, run: ScheduledRun, *, is_cron: bool) -> None:
    texts = {"crontab": f"{cron_line.cron_line(run)}\n"}
    if not is_cron:
        folder = systemd_timer.unit_folder(invocation.environ)
        units = systemd_timer.unit_texts(run).items()
        texts = {str(folder / name): text for name, text in units}
    if invocation.json:
        invocation.console.out_json({"files": texts})
        return
    for place, text in texts.items():
        invocation.console.say(f"{place}:")
        invocation.console.out_raw(text)


def _tell(invocation: Invocation, what: str, name: str, left: list[str]) -> None:
    if invocation.json:
        invocation.console.out_json({"name": name, what: True, "left_to_do": left})
        return
    invocation.console.say(f"{safe_line(name)}: {what}")
    if left:
        invocation.console.say(f"systemctl could not be used; still to do: {' && '.join(left)}")


def _shape(one: Schedule) -> dict[str, object]:
    return {
        "name": one.name,
        "by": one.by,
        "when": one.when,
        "command": one.command,
        "next": one.upcoming,
        "active": one.is_active,
    }


def _program() -> str:
    """Return the path of the command `mission` that belongs to this Python."""
    beside = Path(sys.executable).with_name("mission")
    return str(beside) if beside.exists() else str(Path(sys.argv[0]).absolute())


for _one in (add, show, remove):
    command.add_command(_one)
