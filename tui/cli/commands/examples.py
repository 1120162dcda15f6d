"""`mission examples`."""

from difflib import get_close_matches
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from core.errors import ConflictError, NotFoundError
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.host.discovery import Discovery, samples_folder
from tui.live.backend import MissionFile
from tui.output.table import Column, table
from tui.words.safe_text import safe_line


def _complete(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    return [
        CompletionItem(path.stem)
        for path in sorted(samples_folder().glob("*.yaml"))
        if path.stem.startswith(incomplete)
    ]


@declare("examples")
@click.argument("name", required=False, shell_complete=_complete)
@click.option(
    "--copy",
    "target",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Copy the mission (without NAME: all of them) into a folder.",
)
def command(invocation: Invocation, name: str | None, target: Path | None) -> None:
    """List the sample missions that come with the program; with NAME, print one of them.

    Most can be run directly: `mission examples NAME | mission run -`. A mission that runs another
    mission needs that file in the same folder: copy all of them with `--copy FOLDER`.
    """
    samples = Discovery((), samples=samples_folder()).find()
    if name is not None:
        samples = [_named(samples, name)]
    if target is not None:
        _copy(invocation, samples, target)
    elif name is not None:
        _print(invocation, samples[0])
    else:
        _list(invocation, samples)


def _named(samples: list[MissionFile], name: str) -> MissionFile:
    by_name = {Path(one.path).stem: one for one in samples}
    if name not in by_name:
        near = get_close_matches(name, by_name, n=1)
        raise NotFoundError(
            f"there is no sample {name!r}",
            hint=f"did you mean {near[0]}?" if near else "`mission examples` lists them",
        )
    return by_name[name]


def _list(invocation: Invocation, samples: list[MissionFile]) -> None:
    console = invocation.console
    if invocation.json:
        console.out_json(
            [
                {
                    "name": Path(one.path).stem,
                    "mission_name": one.name,
                    "path": one.path,
                    "steps": one.steps,
                    "description": one.description,
                }
                for one in samples
            ]
        )
        return
    columns = (Column("NAME"), Column("STEPS", right=True), Column("WHAT", shrink=True))
    rows = [
        (Path(one.path).stem, str(one.steps), safe_line((one.description or "").strip()))
        for one in samples
    ]
    console.out_lines(table(columns, rows, console.palette, width=console.width))


def _print(invocation: Invocation, sample: MissionFile) -> None:
    text = Path(sample.path).read_text(encoding="utf-8")
    if invocation.json:
        invocation.console.out_json(
            {"name": Path(sample.path).stem, "path": sample.path, "content": text}
        )
    else:
        invocation.console.out_raw(text)


def _copy(invocation: Invocation, samples: list[MissionFile], target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    copied = []
    for sample in samples:
        path = target / Path(sample.path).name
        try:
            with path.open("xb") as file:
                file.write(Path(sample.path).read_bytes())
        except FileExistsError as error:
            raise ConflictError(
                f"{path} exists already", hint="existing files are not overwritten"
            ) from error
        copied.append(str(path))
    invocation.console.best_effort()
    if invocation.json:
        invocation.console.out_json({"copied": copied})
    else:
        invocation.console.out_lines(copied)
