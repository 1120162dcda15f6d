"""Loads a mission file: from its bytes to a validated mission, or to every diagnostic of it."""

import gc
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from core.domain.mission import Mission, MissionSource, MissionStep, Param, TriggerRule
from core.errors import BugError, NotFoundError
from core.graph.dag import Graph, Neighbours
from core.mission_file.finding.code import Code
from core.mission_file.finding.diagnostic import Diagnostic, Severity
from core.mission_file.finding.foreign_key import PORTING, foreign_file
from core.mission_file.finding.limit import MAX_BYTES
from core.mission_file.finding.problem import FileText, Locate, Path, Problems
from core.mission_file.finding.source_text import Span, TextError, decode
from core.mission_file.including.included_keys import INCLUDE
from core.mission_file.including.joined_source import (
    SourceFile,
    is_joined,
    join_files,
    split_files,
)
from core.mission_file.keys.top_level import Draft, check_mission
from core.mission_file.meaning.command_words import check_command_words
from core.mission_file.meaning.dependency_check import check_dependencies
from core.mission_file.meaning.prescan import Prescan, prescan
from core.step_type.plain_parameters import plain_parameters
from core.step_type.registry import EXPRESSIONS, RAW_PARAMETERS
from core.value.suggestion import did_you_mean

if TYPE_CHECKING:  # few missions include files
    from core.mission_file.including.file_reader import ReadFile
    from core.mission_file.including.join_data import IncludedFile

YAML, JSON = "yaml", "json"
SUFFIXES = frozenset({".yaml", ".yml", ".json"})
"""Suffixes by which mission files are found in folders."""


class Loaded(Struct, frozen=True):
    """A mission file that was read: `mission` is None when a diagnostic is an error."""

    mission: Mission | None
    diagnostics: tuple[Diagnostic, ...]
    source: MissionSource | None
    path: str

    @property
    def ok(self) -> bool:
        """Whether the mission can run: there is one, and no error."""
        return self.mission is not None and not any(
            found.severity is Severity.ERROR for found in self.diagnostics
        )


def load_mission(
    source: FilePath | bytes | str, *, name: str = "<stdin>", fmt: str | None = None
) -> Loaded:
    """Read and validate a mission: the file at a `Path`, or content given as bytes or text.

    `name` stands for content in diagnostics; `fmt` is `yaml` or `json`, guessed if None. The result
    depends on nothing but the bytes. Raises `NotFoundError` when there is no such file, and nothing
    else, whatever the content is.
    """
    read: ReadFile | None = None
    if isinstance(source, FilePath):
        name = str(source)
        found = _read_file(source)
        if isinstance(found, Diagnostic):
            return Loaded(None, (found,), None, name)
        read = partial(_read_included, source.parent)
        source = found
    content = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    if len(content) > 2 * MAX_BYTES or (len(content) > MAX_BYTES and not is_joined(content)):
        message = f"the file is larger than {MAX_BYTES // 2**20} MiB"
        return Loaded(None, (_of_file(Code.TOO_LARGE, message, name),), None, name)
    own, read = _recorded(content, read)
    fmt = fmt if fmt and own is content else guess_format(name, own)
    problems = Problems()
    files: list[IncludedFile] = []
    try:
        text = decode(own)
    except TextError as error:
        span = Span(error.index, error.index + 1)
        problems.error(error.code, error.message, span=span, hint=error.hint)
        kept = _source(content, name, fmt)
        return Loaded(None, problems.diagnostics(name, error.text, _nowhere), kept, name)
    with _collector_off():
        mission = _validate(text, fmt, problems, FilePath(name).name, read, files)
        texts = [_file_text(file, name) for file in files]
        found_out = problems.diagnostics(name, text, locator(fmt, text), texts)
        for file, one in zip(files, texts, strict=True):
            found_out += file.problems.diagnostics(one.name, one.text, one.locate)
    if files and own is content:
        joined = [SourceFile(FilePath(name).name, own), *(file.source for file in files)]
        content, fmt = join_files(joined), YAML
    elif own is not content:
        fmt = YAML
    return Loaded(mission, found_out, _source(content, name, fmt), name)


def _source(content: bytes, name: str, fmt: str) -> MissionSource:
    digest = hashlib.sha256(content).hexdigest()
    return MissionSource(digest=digest, name=name, content=content, format=fmt)


def _recorded(content: bytes, read: "ReadFile | None") -> "tuple[bytes, ReadFile | None]":
    """Return the bytes of the mission file itself, and what reads the files recorded with it."""
    if not is_joined(content):
        return content, read
    files = split_files(content)
    if files is None:
        return content, read
    from core.mission_file.including.file_reader import recorded_reader

    return files[0].content, recorded_reader({file.name: file.content for file in files[1:]})


def _read_included(folder: FilePath, name: str) -> bytes:
    from core.mission_file.including.file_reader import folder_reader  # few missions include any

    return folder_reader(folder)(name)


def _file_text(file: "IncludedFile", name: str) -> FileText:
    """Return an included file as diagnostics name it: beside the mission file."""
    inner = file.source.name
    folder = name.rpartition("/")[0]
    fmt = guess_format(inner, file.source.content)
    return FileText(f"{folder}/{inner}" if folder else inner, file.text, locator(fmt, file.text))


def _with_includes(
    data: dict[str, Any],
    problems: Problems,
    name: str,
    read: "ReadFile | None",
    files: "list[IncludedFile]",
) -> dict[str, Any]:
    """Return the data joined with what it includes; `files` gets the files."""
    from core.mission_file.including.file_reader import no_reader
    from core.mission_file.including.join_data import Includes

    includes = Includes(read or no_reader, _parse_included, problems, name)
    joined = includes.join(data)
    files += includes.files
    return joined


def _parse_included(text: str, name: str, problems: Problems) -> Any:
    numbers: list[Any] = []
    data = parse(text, guess_format(name, text.encode()), problems, numbers)
    _check_numbers(data, numbers, problems)
    return data


def read_outline(path: FilePath) -> tuple[tuple[MissionStep, ...], tuple[Param, ...]]:
    """Return the steps and parameters of a mission file without validating all of it.

    Fast, for shell completion: step parameters and templates are not checked, and invalid parts are
    left out. Raises `NotFoundError` when there is no such file, and nothing else.
    """
    content = _read_file(path)
    if isinstance(content, Diagnostic) or len(content) > MAX_BYTES:
        return (), ()
    problems = Problems()
    try:
        data = parse(decode(content), guess_format(str(path), content), problems)
    except TextError:
        return (), ()
    if data.__class__ is dict and data.get(INCLUDE) is not None:
        data = _with_includes(data, problems, path.name, partial(_read_included, path.parent), [])
    draft = None if data is None else check_mission(data, problems)
    if draft is None:
        return (), ()
    params = draft.fields.get("params", ())
    return (
        tuple(step for step in draft.steps if step is not None),
        tuple(one for one in params if isinstance(one, Param)),
    )


def _validate(
    text: str,
    fmt: str,
    problems: Problems,
    name: str,
    read: "ReadFile | None",
    files: "list[IncludedFile]",
) -> Mission | None:
    numbers: list[Any] = []
    data = parse(text, fmt, problems, numbers)
    if data is None:
        tool = foreign_file(name)
        if tool is not None:
            problems.error(Code.OTHER_TOOL, f"this is {tool}, not a mission", hint=PORTING)
        if not problems.has_errors:
            problems.error(
                Code.EMPTY_FILE,
                "the file holds no mission",
                hint="`mission init` writes one to start from",
            )
        return None
    _check_numbers(data, numbers, problems)
    whole = text
    if data.__class__ is dict and data.get(INCLUDE) is not None:
        data = _with_includes(data, problems, name, read, files)
        whole = "\n".join([text, *(file.text for file in files)])
    draft = _check_data(data, prescan(whole), problems)
    if draft is None:
        return None
    if problems.has_errors or any(file.problems.has_errors for file in files):
        return None
    if None in draft.steps:
        raise BugError("a step is not valid, and no error says why")
    return draft.mission()


def _check_numbers(data: Any, numbers: list[Any], problems: Problems) -> None:
    if numbers and data.__class__ is dict:
        from core.mission_file.meaning.number_text import check_numbers

        check_numbers(data, numbers, problems)


def _check_data(data: Any, seen: Prescan, problems: Problems) -> Draft | None:
    """Check the data of a whole mission; None if it is not a mapping."""
    draft = check_mission(data, problems)
    if draft is None:
        return None
    upstream = check_dependencies(draft.raw_steps, problems)
    _check_meaning(draft, upstream, seen, problems)
    for index, step in enumerate(draft.steps):
        if step is not None and step.step_type in RAW_PARAMETERS:
            from core.mission_file.shapes.inner_steps import check_group

            check_group(
                step.parameters,
                ("steps", index),
                lambda inner, found: _check_inner(inner, seen, found),
                problems,
            )
    return draft


def _check_inner(data: dict[str, Any], seen: Prescan, problems: Problems) -> None:
    """Check the data of the mission of a group."""
    _check_data(data, seen, problems)


def _check_meaning(
    draft: Draft, upstream: Neighbours | None, seen: Prescan, problems: Problems
) -> None:
    """Check what needs the whole file; each module is loaded only if the file needs it."""
    _check_parameters(draft, seen, problems)
    if seen.secrets:
        from core.mission_file.meaning.secret_value import check_secret_values

        check_secret_values(draft, problems)
    if seen.parent_folders:
        from core.mission_file.meaning.working_folder import check_folders

        check_folders(draft, problems)
    if seen.dollar_signs:
        from core.mission_file.meaning.unexpanded_variable import check_unexpanded_variables

        check_unexpanded_variables(draft, problems)
    if any(step is not None and step.service for step in draft.steps):
        from core.mission_file.meaning.service_check import check_services

        check_services(draft, problems)
    if upstream is not None and any(
        step is not None and step.trigger_rule is not TriggerRule.ALL_SUCCESS
        for step in draft.steps
    ):
        from core.mission_file.meaning.trigger_rule_check import check_trigger_rules

        check_trigger_rules(draft, upstream, problems)
    has_expressions = any(
        step is not None and _has_expression(step) for step in draft.steps
    ) or any(_has_expression(placed.step) for placed in draft.handlers)
    has_expressions = has_expressions or bool(draft.fields.get("preconditions"))
    if seen.templates or has_expressions:
        from core.mission_file.meaning.shell_injection import check_shell_injection
        from core.mission_file.meaning.template_check import TemplateCheck

        check_shell_injection(draft, problems)
        graph = None
        if upstream is not None:
            graph = Graph([str(index) for index in range(len(upstream))], upstream)
        TemplateCheck(draft, graph, problems).check()


def _has_expression(step: MissionStep) -> bool:
    """Tell whether a step has an expression that stands without braces."""
    return bool(
        step.when
        or step.preconditions
        or (step.repeat is not None and step.repeat.until)
        or step.step_type in EXPRESSIONS
    )


def _check_parameters(draft: Draft, seen: Prescan, problems: Problems) -> None:
    check: Any = None
    placed: list[tuple[MissionStep, Path]] = [
        (step, ("steps", index)) for index, step in enumerate(draft.steps) if step is not None
    ]
    placed += [(found.step, found.path) for found in draft.handlers]
    for step, path in placed:
        parameters = step.parameters
        if step.step_type == "command":
            command = parameters.get("command")
            if command.__class__ is str and " " in command:
                check_command_words(command, (*path, "parameters"), problems)
        if plain_parameters(step.step_type, parameters) is not None:
            continue
        if check is None:
            from core.mission_file.meaning.step_parameters import ParameterCheck  # loads pydantic

            check = ParameterCheck(problems, may_template=seen.templates).check
        check(step.step_type, dict(parameters), (*path, "parameters"), step.id)


def parse(text: str, fmt: str, problems: Problems, numbers: list[Any] | None = None) -> Any:
    """Return the data in a text; None when it holds none, or is wrong."""
    if fmt == JSON:
        from core.mission_file.reading.json_reader import read_json

        return read_json(text, problems)
    from core.mission_file.reading.yaml_reader import read_yaml

    return read_yaml(text, problems, numbers)


def locator(fmt: str, text: str) -> Locate:
    """Return what locates values in the text of a mission file in a format."""
    if fmt == JSON:
        from core.mission_file.reading.json_locator import locate_json

        return partial(locate_json, text)
    from core.mission_file.reading.yaml_locator import locate_yaml

    return partial(locate_yaml, text)


def _nowhere(_: object) -> dict[Any, Any]:
    return {}


def guess_format(name: str, content: bytes) -> str:
    """Return the format of a file by its name, else by how its content begins."""
    if name.lower().endswith(".json"):
        return JSON
    if name.lower().endswith((".yaml", ".yml")):
        return YAML
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return JSON if start.startswith(b"{") and start[1:].lstrip().startswith((b'"', b"}")) else YAML


def _names_beside(path: FilePath) -> list[str]:
    """Return the names of possible mission files in the folder of `path`."""
    try:
        return [one.name for one in path.parent.iterdir() if one.suffix.lower() in SUFFIXES]
    except (OSError, ValueError):
        return []


def _read_file(path: FilePath) -> bytes | Diagnostic:
    return read_bytes(path, what="mission file", hint="`mission init` writes one")


def read_bytes(path: FilePath, *, what: str, hint: str | None) -> bytes | Diagnostic:
    """Return the content of a file, one byte more than `MAX_BYTES` at most, or why it cannot be.

    Raises `NotFoundError` when there is no such file.
    """
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            kind = "a folder" if stat.S_ISDIR(mode) else "a special file"
            return _of_file(Code.NOT_A_FILE, f"{path} is {kind}, not a {what}", str(path))
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        hint = did_you_mean(path.name, _names_beside(path)) or hint
        raise NotFoundError(f"there is no {what} {path}", hint=hint) from error
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        return _of_file(Code.UNREADABLE, f"{path} cannot be read: {reason}", str(path))


def _of_file(code: Code, message: str, name: str) -> Diagnostic:
    return Diagnostic(severity=Severity.ERROR, code=code, message=message, file=name)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Disable the garbage collector: parsing makes no cycles, and collecting doubles the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
