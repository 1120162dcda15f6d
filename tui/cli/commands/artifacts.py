"""`mission artifacts`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.domain.state_word import counted
from core.errors import ConflictError, UnavailableError, UsageError
from core.output.kept_artifacts import Artifact, all_artifacts_of
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import (
    execution_argument,
    find_execution,
    step_argument,
    steps_of_path,
)
from tui.output.artifact_list import artifact_json, artifact_table
from tui.words.numbers import size
from tui.words.run_label import run_name
from tui.words.safe_text import safe_line

if TYPE_CHECKING:  # only --get writes files
    from core.output.content_store import ContentStore
    from core.steps.file.confined_tree import Tree


@declare("artifacts")
@execution_argument
@step_argument(required=False)
@click.option(
    "--get",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the files of the newest attempt of each step to DIR/STEP, verified.",
)
def command(invocation: Invocation, execution: str, step: str | None, folder: Path | None) -> None:
    """List the files that were kept of execution EXEC, or of one STEP of it.

    With --get they are written to a folder, each verified by the SHA-256 that the audit log has of
    it; a file that exists already is never overwritten. With STEP, they are written to DIR itself.
    Those of steps that a retry has not run again, of steps that were up to date, and of groups and
    sub-missions (STEP/STEP) are included; FROM names the execution that has made them.
    """
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        outer = None
        if step is not None:
            outer, *inner = steps_of_path(step)
            reader.task_run(found.execution_id, outer)
            step = "/".join([outer, *inner])
        artifacts = list(all_artifacts_of(reader, found.execution_id, outer))
        if step != outer:
            artifacts = [one for one in artifacts if _is_below(one.task_id, step or "")]
        others = {one.execution_id for one in artifacts} - {found.execution_id}
        origins = {one: run_name(reader.find_execution(one)) for one in others}
    if folder is not None:
        artifacts = _newest(artifacts)
        _get(invocation, artifacts, folder, step)
    console = invocation.console
    if invocation.json:
        console.out_json([artifact_json(one) for one in artifacts])
    elif not artifacts:
        console.say("no artifacts were kept")
    elif folder is None:
        lines = artifact_table(artifacts, console.palette, console.width, origins=origins)
        console.out_lines(lines)
    else:
        total = size(sum(one.bytes for one in artifacts))
        console.say(f"{counted(len(artifacts), 'file')}, {total}, in {safe_line(str(folder))}")


def _newest(artifacts: Sequence[Artifact]) -> list[Artifact]:
    last: dict[str, int] = {}
    for one in artifacts:
        last[one.task_id] = max(one.attempt, last.get(one.task_id, 0))
    return [one for one in artifacts if one.attempt == last[one.task_id]]


def _get(
    invocation: Invocation, artifacts: Sequence[Artifact], folder: Path, step: str | None
) -> None:
    from core.output.content_store import ContentStore
    from core.steps.file.confined_tree import Tree
    from core.steps.file.place import PathRefusedError

    store = ContentStore(invocation.paths.artifacts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Tree(folder) as tree:
            for one in artifacts:
                _write(store, tree, one, _path_of(one, step))
    except PathRefusedError as error:
        raise UsageError(f"--get {folder}: {error}", hint="choose an empty folder") from error
    except FileExistsError as error:
        raise ConflictError(
            f"{folder / str(error.filename or '')} exists already", hint="choose an empty folder"
        ) from error
    except OSError as error:
        raise UnavailableError(
            f"--get {folder}: {error.filename or ''} {error.strerror or error}".replace("  ", " ")
        ) from error


def _is_below(name: str, step: str) -> bool:
    return name == step or name.startswith(f"{step}/")


def _path_of(one: Artifact, step: str | None) -> str:
    """Return where a file is written: below its step, or that within the one step asked for."""
    name = one.task_id
    if step is None:
        return f"{name}/{one.path}"
    if _is_below(name, step):
        name = name.removeprefix(step).removeprefix("/")
    elif "/" not in name:  # an item of it
        name = ""
    return f"{name}/{one.path}" if name else one.path


def _write(store: "ContentStore", tree: "Tree", one: Artifact, path: str) -> None:
    with (
        tree.place(path, make_parents=True, links=False) as place,
        place.written(overwrite=False, durable=False) as descriptor,
    ):

        def write(chunk: bytes) -> None:
            view = memoryview(chunk)
            while view:
                view = view[os.write(descriptor, view) :]

        store.read(one.sha256, write)
