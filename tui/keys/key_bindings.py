"""The keys: one table of bindings with ids, by the place they work in, and the user's own over it.

The user's file `keys.toml` has one table: `[keys]`, binding id = keys as Textual spells them
(`"list.down" = "j,down,ctrl+n"`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a key does. `keys` is comma-separated; `group` is its heading in the help."""

    id: str
    keys: str
    action: str
    label: str
    group: str
    show: bool = False
    priority: bool = False
    """Whether it works wherever the focus is, also in a field."""


_TABLES: Mapping[str, tuple[Key, ...]] = {
    "app": (
        Key("app.help", "?", "help", "help", "Everywhere", show=True),
        Key("app.palette", ":,ctrl+p", "command_palette", "palette", "Everywhere", show=True),
        Key("app.theme", "T", "next_theme", "next theme", "Everywhere"),
        Key("app.picture", "ctrl+s", "picture", "save a picture (SVG)", "Everywhere"),
        Key("app.quit", "ctrl+q", "quit", "quit; live runs go on", "Everywhere"),
        Key(
            "app.interrupt",
            "ctrl+c",
            "interrupt",
            "copy what is marked; twice: quit, whatever goes on",
            "Everywhere",
            priority=True,
        ),
    ),
    "list": (
        Key("list.down", "j,down", "move(1)", "down", "Moving"),
        Key("list.up", "k,up", "move(-1)", "up", "Moving"),
        Key("list.first", "g,home", "first", "first", "Moving"),
        Key("list.last", "G,end", "last", "last", "Moving"),
        Key("list.half_down", "ctrl+d", "page(0.5)", "half a page down", "Moving"),
        Key("list.half_up", "ctrl+u", "page(-0.5)", "half a page up", "Moving"),
        Key("list.page_down", "pagedown", "page(1)", "a page down", "Moving"),
        Key("list.page_up", "pageup", "page(-1)", "a page up", "Moving"),
        Key("list.open", "enter", "choose", "open", "Moving", show=True),
    ),
    "steps": (Key("steps.fold", "space", "toggle_fold", "unfold what has ended", "Moving"),),
    "home": (
        Key("home.new", "n", "new_run", "new run", "Acting", show=True),
        Key("home.validate", "v", "validate", "validate", "Acting", show=True),
        Key("home.edit", "o", "edit", "open in $EDITOR", "Acting"),
        Key("home.cancel", "X", "cancel_run", "cancel run", "Acting", show=True),
        Key("home.pause", "p", "pause", "pause / resume", "Acting", show=True),
        Key("home.rerun", "R", "rerun", "run again", "Acting", show=True),
        Key("home.filter", "/", "filter", "filter", "Finding", show=True),
        Key("home.sort", "s", "sort", "sort by another order", "Finding"),
        Key("home.unfold", "space", "unfold", "sub-missions", "Looking"),
        Key("home.missions", "1", "show_pane('missions')", "missions", "Looking"),
        Key("home.executions", "2", "show_pane('executions')", "executions", "Looking"),
        Key("home.pane", "tab,shift+tab", "other_pane", "other pane", "Looking", show=True),
        Key("home.refresh", "f5", "refresh", "look for missions again", "Looking"),
        Key("home.copy", "y", "copy", "copy id or path", "Taking along"),
        Key("home.clear", "escape", "clear", "clear the filter", "Finding"),
        Key("home.quit", "q", "app.quit", "quit; live runs go on", "Everywhere", show=True),
    ),
    "execution": (
        Key("run.approve", "a", "approve", "approve or reject", "Acting", show=True),
        Key("run.next_failure", "e", "failure(1)", "next error", "Finding", show=True),
        Key("run.previous_failure", "E", "failure(-1)", "previous error", "Finding"),
        Key("run.inspect", "enter", "inspect", "inspect", "Looking", show=True),
        Key("run.retry", "r", "retry(False)", "retry", "Acting", show=True),
        Key("run.retry_downstream", "R", "retry(True)", "retry step + downstream", "Acting"),
        Key("run.cancel_step", "x", "cancel_step", "cancel step", "Acting", show=True),
        Key("run.cancel", "X", "cancel_run", "cancel run", "Acting", show=True),
        Key("run.pause", "p", "pause", "pause", "Acting", show=True),
        Key("run.new", "n", "new_run", "new run of this mission", "Acting"),
        Key("run.logs", "l", "logs", "logs", "Looking", show=True),
        Key("run.merged_log", "L", "merged_log", "merged log of all steps", "Looking"),
        Key("run.follow", "f", "log('follow')", "follow", "Log", show=True),
        Key("run.wrap", "W", "log('wrap')", "wrap lines", "Log"),
        Key("run.times", "t", "log('times')", "timestamps", "Log"),
        Key("run.streams", "s", "log('streams')", "out / err / both", "Log"),
        Key("run.gap", "D", "log('gap')", "where output was dropped", "Log"),
        Key("run.save_log", "S", "save_log", "save the log", "Taking along"),
        Key("run.previous_attempt", "[", "attempt(-1)", "attempt before", "Log"),
        Key("run.next_attempt", "]", "attempt(1)", "next attempt", "Log"),
        Key("run.why", "w", "why", "why is it so", "Looking", show=True),
        Key("run.copy", "y", "copy('text')", "copy", "Taking along", show=True),
        Key("run.copy_json", "Y", "copy('json')", "copy as JSON", "Taking along"),
        Key("run.zoom", "z", "zoom", "zoom", "Looking", show=True),
        Key("run.filter", "/", "filter", "filter or search", "Finding", show=True),
        Key("run.validate", "v", "validate", "validate the mission file", "Acting"),
        Key("run.edit", "o", "edit", "open the mission in $EDITOR", "Acting"),
        Key("run.list", "1", "tab('list')", "list", "Looking"),
        Key("run.graph", "2", "tab('graph')", "graph", "Looking"),
        Key("run.tree", "3", "tab('tree')", "tree", "Looking"),
        Key("run.gantt", "4", "tab('gantt')", "gantt", "Looking"),
        Key("run.events", "5", "tab('events')", "events", "Looking"),
        Key("run.pane", "tab", "pane(1)", "next pane", "Looking"),
        Key("run.pane_back", "shift+tab", "pane(-1)", "previous pane", "Looking"),
        Key("run.back", "escape", "back", "back", "Everywhere"),
        Key("run.home", "q", "home", "back to home", "Everywhere", show=True),
    ),
    "log": (
        Key("log.next_match", "n", "match(1)", "next match", "Finding"),
        Key("log.previous_match", "N", "match(-1)", "previous match", "Finding"),
    ),
    "inspector": (
        Key("inspect.next", "right,tab", "section(1)", "next section", "Looking", show=True),
        Key("inspect.previous", "left,shift+tab", "section(-1)", "previous section", "Looking"),
        Key("inspect.copy", "y", "copy('text')", "copy the section", "Taking along", show=True),
        Key("inspect.copy_json", "Y", "copy('json')", "copy as JSON", "Taking along"),
        Key("inspect.save", "S", "save", "write the section to a file", "Taking along"),
        Key("inspect.next_failure", "e", "failure(1)", "next error", "Finding", show=True),
        Key("inspect.previous_failure", "E", "failure(-1)", "previous error", "Finding"),
        Key("inspect.retry", "r", "retry(False)", "retry", "Acting", show=True),
        Key("inspect.retry_downstream", "R", "retry(True)", "retry + downstream", "Acting"),
        Key("inspect.cancel_step", "x", "cancel_step", "cancel step", "Acting"),
        Key("inspect.logs", "l", "logs", "whole log", "Looking", show=True),
        Key("inspect.previous_attempt", "[", "attempt(-1)", "log of the attempt before", "Log"),
        Key("inspect.next_attempt", "]", "attempt(1)", "log of the next attempt", "Log"),
        Key("inspect.back", "escape,q", "back", "back", "Everywhere", show=True),
        *(
            Key(f"inspect.{number}", str(number), f"show({number - 1})", label, "Looking")
            for number, label in enumerate(
                (
                    "overview",
                    "inputs",
                    "outputs",
                    "error",
                    "attempts",
                    "history",
                    "end of the log",
                    "its lines in the file",
                ),
                1,
            )
        ),
    ),
    "field": (
        Key("field.keep", "enter", "submit", "keep", "Finding", show=True),
        Key("field.leave", "escape", "screen.leave_field", "clear", "Finding", show=True),
    ),
    "dialog": (
        Key("dialog.keep", "escape", "dismiss_dialog", "leave everything as it is", "Dialog"),
        Key("dialog.next", "right,down,tab", "app.focus_next", "next choice", "Dialog"),
        Key("dialog.previous", "left,up,shift+tab", "app.focus_previous", "other choice", "Dialog"),
    ),
    "form": (
        Key("form.leave", "escape", "leave", "back without a run", "Form", show=True),
        Key("form.launch", "ctrl+r", "launch", "launch", "Form", show=True),
    ),
    "help": (Key("help.close", "escape", "close", "close", "Everywhere"),),
}

GROUPS = (
    "Finding",
    "Looking",
    "Acting",
    "Graph",
    "Tree",
    "Gantt",
    "Log",
    "Taking along",
    "Moving",
    "Form",
    "Dialog",
    "Everywhere",
)
"""The order of the headings in the help."""

BY_ID: Mapping[str, Key] = {key.id: key for keys in _TABLES.values() for key in keys}


def bindings(place: str) -> list[BindingType]:
    """Return the bindings of a place, each with its id."""
    return [
        Binding(key.keys, key.action, key.label, show=key.show, id=key.id, priority=key.priority)
        for key in _TABLES[place]
    ]


def group_of(binding_id: str | None) -> str:
    """Return the heading a binding belongs under, empty for one that is not ours."""
    key = BY_ID.get(binding_id or "")
    if key is not None:
        return key.group
    place = (binding_id or "").partition(".")[0]
    return place.capitalize() if place in ("graph", "tree", "gantt") else ""


def read_keymap(text: str) -> tuple[dict[str, str], list[str]]:
    """Read `keys.toml`; return the keymap and a sentence for everything that was left out."""
    import tomllib  # only who has a file of keys pays for it

    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return {}, [f"keys.toml is not read: {error}"]
    keys = tables.get("keys", {})
    problems = [f"keys.toml: unknown table [{name}]" for name in tables if name != "keys"]
    if not isinstance(keys, dict):
        return {}, [*problems, "keys.toml: `keys` is not a table"]
    found: dict[str, str] = {}
    for name, value in keys.items():
        if name not in BY_ID:
            problems.append(f"keys.toml: no binding is called {name!r}")
        elif not isinstance(value, str) or not value.strip():
            problems.append(f'keys.toml: the keys of {name!r} are a text such as "j,down"')
        else:
            found[name] = value
    return found, problems
