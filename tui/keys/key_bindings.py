"""Every key binding of the screen, by the place it works in. Knows no Textual.

`textual_bindings` turns the table into Textual's bindings; `keys_toml` reads the user's own keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One key binding. `keys` is comma-separated; `group` is its heading in the help."""

    id: str
    keys: str
    action: str
    label: str
    group: str
    show: bool = False
    priority: bool = False
    """Whether it works wherever the focus is, also in an input field."""


_SCROLLING = (
    Key("list.down", "j,down", "move(1)", "down", "Moving"),
    Key("list.up", "k,up", "move(-1)", "up", "Moving"),
    Key("list.first", "g,home", "first", "first", "Moving"),
    Key("list.last", "G,end", "last", "last", "Moving"),
    Key("list.half_down", "ctrl+d", "page(0.5)", "half a page down", "Moving"),
    Key("list.half_up", "ctrl+u", "page(-0.5)", "half a page up", "Moving"),
    Key("list.page_down", "pagedown,ctrl+f", "page(1)", "a page down", "Moving"),
    Key("list.page_up", "pageup,ctrl+b", "page(-1)", "a page up", "Moving"),
)

KEYS: Mapping[str, tuple[Key, ...]] = {
    "app": (
        Key("app.help", "?", "help", "help", "Everywhere", show=True),
        Key("app.palette", ":,ctrl+p", "command_palette", "palette", "Everywhere", show=True),
        Key("app.audit", "A", "audit", "audit log", "Everywhere"),
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
    "scrolling": _SCROLLING,
    "list": (*_SCROLLING, Key("list.open", "enter", "choose", "open", "Moving", show=True)),
    "steps": (
        Key("steps.fold", "space", "toggle_fold", "open or close what a row holds", "Moving"),
        Key("steps.on_top", "O", "screen.open_on_top", "sub-mission on top", "Looking"),
        Key("steps.mark", "m", "screen.mark", "mark for L, the logs together", "Looking"),
    ),
    "home": (
        Key("home.approve", "a", "approve", "approve or reject", "Acting", show=True),
        Key("home.new", "n", "new_run", "new run", "Acting", show=True),
        Key("home.init", "i", "init", "new mission from a template", "Acting"),
        Key("home.validate", "v", "validate", "validate", "Acting", show=True),
        Key("home.edit", "o", "edit", "open in $EDITOR", "Acting"),
        Key("home.cancel", "X", "cancel_run", "cancel run", "Acting", show=True),
        Key("home.pause", "p", "pause", "pause / resume", "Acting", show=True),
        Key("home.retry_failed", "F", "retry_failed", "retry what failed", "Acting", show=True),
        Key("home.rerun", "R", "rerun", "run again", "Acting", show=True),
        Key("home.mark", "space", "mark", "mark for X, R, F", "Acting"),
        Key("home.look_at", "d", "look_at", "needs me no more", "Acting"),
        Key("home.filter", "/", "filter", "filter", "Finding", show=True),
        Key("home.sort", "s", "sort", "sort by another order", "Finding"),
        Key("home.unfold", "right,l", "unfold(True)", "show sub-missions", "Looking"),
        Key("home.fold", "left,h", "unfold(False)", "fold them", "Looking"),
        Key("home.missions", "1", "show_pane('missions')", "missions", "Looking"),
        Key("home.executions", "2", "show_pane('executions')", "executions", "Looking"),
        Key("home.pane", "tab,shift+tab", "other_pane", "other pane", "Looking", show=True),
        Key("home.wall", "W", "wall", "wall view", "Looking"),
        Key("home.wider", "ctrl+right", "resize('home.missions', 2)", "wider missions", "Looking"),
        Key("home.narrower", "ctrl+left", "resize('home.missions', -2)", "narrower", "Looking"),
        Key("home.taller", "ctrl+down", "resize('home.list', 1)", "taller list", "Looking"),
        Key("home.lower", "ctrl+up", "resize('home.list', -1)", "lower list", "Looking"),
        Key(
            "home.resize_reset",
            "equals_sign,vertical_line",
            "resize_reset",
            "usual sizes",
            "Looking",
        ),
        Key("home.refresh", "f5", "refresh", "look for missions again", "Looking"),
        Key(
            "home.compare",
            "D",
            "compare",
            "compare two marked, or with a success",
            "Looking",
        ),
        Key("home.history", "H", "history", "history of the mission", "Looking"),
        Key("home.copy", "y", "copy", "copy id or path", "Taking along"),
        Key("home.clear", "escape", "clear", "clear marks, then the filter", "Finding"),
        Key("home.quit", "q", "app.quit", "quit; live runs go on", "Everywhere", show=True),
    ),
    "wall": (Key("wall.back", "escape,q,W", "back", "back", "Everywhere", show=True),),
    "execution": (
        Key("run.approve", "a", "approve", "approve or reject", "Acting", show=True),
        Key("run.next_failure", "e", "failure(1)", "next error", "Finding", show=True),
        Key("run.previous_failure", "E", "failure(-1)", "previous error", "Finding"),
        Key("run.inspect", "enter", "inspect", "inspect", "Looking", show=True),
        Key("run.retry", "r", "retry(False)", "retry", "Acting", show=True),
        Key("run.desk", "F", "retry_desk", "retry desk: all that failed", "Acting"),
        Key("run.retry_downstream", "R", "retry(True)", "retry step + downstream", "Acting"),
        Key("run.cancel_step", "x", "cancel_step", "cancel step", "Acting", show=True),
        Key("run.breakpoint", "b", "breakpoint", "breakpoint before the step", "Acting"),
        Key("run.cancel", "X", "cancel_run", "cancel run", "Acting", show=True),
        Key("run.kill", "K", "kill_run", "kill now", "Acting", show=True),
        Key("run.pause", "p", "pause", "pause", "Acting", show=True),
        Key("run.new", "n", "new_run", "new run of this mission", "Acting"),
        Key("run.logs", "l", "logs", "logs", "Looking", show=True),
        Key("run.merged_log", "L", "merged_log", "merged log, of marked steps or all", "Looking"),
        Key("run.follow", "f", "log('follow')", "follow", "Log", show=True),
        Key("run.wrap", "W", "log('wrap')", "wrap lines", "Log"),
        Key("run.times", "t", "log('times')", "timestamps", "Log"),
        Key("run.streams", "s", "log('streams')", "out / err / both", "Log"),
        Key("run.colours", "C", "log('colours')", "colours of the step", "Log"),
        Key("run.records", "J", "log('records')", "JSON lines readable / as written", "Log"),
        Key("run.save_log", "S", "save_log", "save the log", "Taking along"),
        Key("run.previous_attempt", "[", "attempt(-1)", "attempt before", "Log"),
        Key("run.next_attempt", "]", "attempt(1)", "next attempt", "Log"),
        Key("run.why", "w", "why", "why is it so", "Looking", show=True),
        Key("run.workers", "M", "workers", "workers of the cluster", "Looking"),
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
        Key("run.compare", "D", "compare", "compare with the last success", "Looking", show=True),
        Key("run.history", "H", "history", "history of mission and step", "Looking"),
        Key("run.past", "<", "past(-1)", "event before", "The past", show=True),
        Key("run.later", ">", "past(1)", "next event", "The past"),
        Key("run.past_step", "(", "past_step(-1)", "event before of the step", "The past"),
        Key("run.later_step", ")", "past_step(1)", "next event of the step", "The past"),
        Key("run.play", "P", "play", "play from here, faster, stop", "The past"),
        Key("run.present", ".", "present", "back to now", "The past"),
        Key("run.wider", "ctrl+right", "resize('run.side', -2)", "wider steps", "Looking"),
        Key("run.narrower", "ctrl+left", "resize('run.side', 2)", "narrower steps", "Looking"),
        Key("run.lower_log", "ctrl+down", "resize('run.log', -1)", "lower log", "Looking"),
        Key("run.taller_log", "ctrl+up", "resize('run.log', 1)", "taller log", "Looking"),
        Key("run.resize_reset", "vertical_line", "resize_reset", "usual sizes", "Looking"),
        Key("run.pane", "tab", "pane(1)", "next pane", "Looking"),
        Key("run.pane_back", "shift+tab", "pane(-1)", "previous pane", "Looking"),
        Key("run.back", "escape", "back", "back", "Everywhere"),
        Key("run.home", "q", "home", "back to home", "Everywhere", show=True),
    ),
    "graph": (
        Key("graph.left", "left,h", "go('left')", "upstream", "Graph"),
        Key("graph.right", "right,l", "go('right')", "downstream", "Graph"),
        Key("graph.up", "up,k", "go('up')", "up", "Graph"),
        Key("graph.down", "down,j", "go('down')", "down", "Graph"),
        Key("graph.first", "g,home", "go_end(False)", "first", "Graph"),
        Key("graph.last", "G,end", "go_end(True)", "last", "Graph"),
        Key("graph.half_down", "ctrl+d,pagedown", "page(1)", "half a page down", "Graph"),
        Key("graph.half_up", "ctrl+u,pageup", "page(-1)", "half a page up", "Graph"),
        Key("graph.open", "enter", "open", "inspect", "Graph", show=True),
        Key("graph.on_top", "O", "screen.open_on_top", "sub-mission on top", "Graph"),
        Key("graph.fold", "space", "fold", "fold", "Graph", show=True),
        Key("graph.fold_all", "F", "fold_all", "fold all / none", "Graph"),
        Key("graph.zoom_in", "plus,equals_sign", "zoom(1)", "zoom in", "Graph"),
        Key("graph.zoom_out", "minus", "zoom(-1)", "zoom out", "Graph"),
        Key("graph.zoom_fit", "0", "zoom(0)", "all, fitted to the window", "Graph"),
        Key("graph.critical", "c", "critical", "critical path", "Graph", show=True),
        Key("graph.minimap", "m", "minimap", "minimap", "Graph", show=True),
        Key("graph.focus", "o", "focus_hops", "focus", "Graph", show=True),
        Key("graph.next_failure", "e", "failure(1)", "next error", "Graph", show=True),
        Key("graph.previous_failure", "E", "failure(-1)", "previous error", "Graph"),
    ),
    "tree": (
        Key("tree.fold", "space", "fold", "fold", "Tree", show=True),
        Key("tree.parent", "left,h", "parent", "upstream", "Tree"),
        Key("tree.child", "right,l", "child", "downstream", "Tree"),
    ),
    "gantt": (
        Key("gantt.earlier", "left,h", "shift(-1)", "earlier", "Gantt"),
        Key("gantt.later", "right,l", "shift(1)", "later", "Gantt"),
        Key("gantt.zoom_in", "plus,equals_sign", "zoom(1)", "zoom in", "Gantt"),
        Key("gantt.zoom_out", "minus", "zoom(-1)", "zoom out", "Gantt"),
        Key("gantt.zoom_fit", "0", "zoom(0)", "fit", "Gantt"),
        Key("gantt.fold", "space", "toggle_items", "open or close a fan-out", "Gantt"),
    ),
    "log": (
        Key("log.gap", "D", "screen.log('gap')", "where output was dropped", "Log"),
        Key("log.next_match", "n", "match(1)", "next match", "Finding"),
        Key("log.previous_match", "N", "match(-1)", "previous match", "Finding"),
        Key("log.next_error", "exclamation_mark", "next_error", "error line", "Finding"),
        Key("log.only_matches", "m", "screen.log('only')", "only matches", "Finding"),
        Key("log.open", "o", "screen.page_log", "open in $PAGER or $EDITOR", "Taking along"),
        Key("log.page_down", "space", "page(1)", "a page down", "Log"),
        Key("log.line_start", "0", "edge(False)", "start of the lines", "Log"),
        Key("log.line_end", "dollar_sign", "edge(True)", "end of the lines", "Log"),
    ),
    "inspector": (
        Key("inspect.next", "right,tab", "section(1)", "next section", "Looking", show=True),
        Key("inspect.previous", "left,shift+tab", "section(-1)", "previous section", "Looking"),
        Key("inspect.copy", "y", "copy('text')", "copy the section", "Taking along", show=True),
        Key("inspect.copy_json", "Y", "copy('json')", "copy as JSON", "Taking along"),
        Key("inspect.copy_command", "c", "copy_command", "copy the command", "Taking along"),
        Key("inspect.shell", "exclamation_mark", "shell", "shell in its folder", "Acting"),
        Key("inspect.approve", "a", "approve", "approve or reject", "Acting"),
        Key("inspect.save", "S", "save", "write the section to a file", "Taking along"),
        Key("inspect.next_failure", "e", "failure(1)", "next error", "Finding", show=True),
        Key("inspect.previous_failure", "E", "failure(-1)", "previous error", "Finding"),
        Key("inspect.retry", "r", "retry(False)", "retry", "Acting", show=True),
        Key("inspect.desk", "F", "retry_desk", "retry desk: change and retry", "Acting", show=True),
        Key("inspect.retry_downstream", "R", "retry(True)", "retry + downstream", "Acting"),
        Key("inspect.cancel_step", "x", "cancel_step", "cancel step", "Acting"),
        Key("inspect.breakpoint", "b", "breakpoint", "breakpoint before the step", "Acting"),
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
    "report": (
        Key("report.copy", "y", "copy", "copy", "Taking along", show=True),
        Key("report.save", "S", "save", "write it to a file", "Taking along", show=True),
        Key("report.back", "escape,q", "back", "back", "Everywhere", show=True),
    ),
    "comparison": (
        Key("compare.earlier", "[", "base(1)", "with the run before", "Looking", show=True),
        Key("compare.later", "]", "base(-1)", "with the run after", "Looking", show=True),
    ),
    "audit": (
        Key("audit.verify", "v", "verify(True)", "verify everything", "Acting", show=True),
        Key("audit.verify_new", "u", "verify(False)", "verify what is new", "Acting", show=True),
        Key("audit.stop", "x", "stop", "stop verifying", "Acting", show=True),
        Key("audit.next_finding", "e", "finding(1)", "next finding", "Finding", show=True),
        Key("audit.previous_finding", "E", "finding(-1)", "previous finding", "Finding"),
        Key("audit.filter", "/", "filter", "filter", "Finding", show=True),
        Key("audit.open", "enter", "other_pane", "details", "Looking"),
        Key("audit.pane", "tab,shift+tab", "other_pane", "other pane", "Looking", show=True),
        Key("audit.run", "o", "open_run", "open the execution", "Looking"),
        Key("audit.export", "S", "export", "export evidence", "Taking along", show=True),
        Key("audit.copy", "y", "copy('text')", "copy the record", "Taking along"),
        Key("audit.copy_json", "Y", "copy('json')", "copy as JSON", "Taking along"),
        Key("audit.back", "escape,q", "back", "back", "Everywhere", show=True),
    ),
    "field": (
        Key("field.keep", "enter", "submit", "keep", "Finding", show=True),
        Key("field.leave", "escape", "screen.leave_field", "clear", "Finding", show=True),
    ),
    "dialog": (
        Key(
            "dialog.keep",
            "escape",
            "dismiss_dialog",
            "leave everything as it is",
            "Dialog",
            show=True,
        ),
        Key("dialog.next", "tab,right,down", "app.focus_next", "next choice", "Dialog", show=True),
        Key("dialog.previous", "left,up,shift+tab", "app.focus_previous", "other choice", "Dialog"),
    ),
    "form": (
        Key("form.leave", "escape", "leave", "back without a run", "Form", show=True),
        Key("form.launch", "ctrl+r", "launch", "launch", "Form", show=True),
    ),
    "retry_desk": (
        Key("desk.leave", "escape", "leave", "back without a retry", "Form", show=True),
        Key("desk.start", "ctrl+r", "start", "retry", "Form", show=True),
        Key("desk.edit", "ctrl+e", "edit", "edit the mission", "Form", show=True, priority=True),
    ),
    "help": (Key("help.close", "escape", "close", "close", "Everywhere", show=True),),
}

GROUPS = (
    "Finding",
    "Looking",
    "Acting",
    "The past",
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

BY_ID: Mapping[str, Key] = {key.id: key for keys in KEYS.values() for key in keys}


def group_of(binding_id: str | None) -> str:
    """Return the heading that a binding is listed under; empty for a binding of Textual's own."""
    key = BY_ID.get(binding_id or "")
    return "" if key is None else key.group
