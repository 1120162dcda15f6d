"""The sql_query step: one statement against a SQLite database inside the working directory.

It is here because core must not import SQL (docs/decisions/0003); the registry names it.
"""

import base64
import contextlib
import math
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, Field

from core.domain.reasons import Reason
from core.step_type.failure import StepFailedError
from core.step_type.intent import NO_INTENT, Intent
from core.step_type.parameter_model import StepParameters
from core.step_type.step_type import StepCall, clip
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import FileStep, shown
from core.steps.file.place import PathRefusedError, Place

DEFAULT_ROWS = 10_000
MAX_ROWS = 1_000_000
MAX_BYTES = 64 * 1024 * 1024
"""The most that all returned values together, and any single value, may take."""

_MEMORY = ":memory:"
_BUSY_SECONDS = 5.0
_VM_STEPS_PER_CANCEL_CHECK = 10_000
_READABLE_PRAGMAS = frozenset(
    {
        *("application_id", "collation_list", "compile_options", "database_list"),
        *("encoding", "foreign_key_check", "foreign_key_list", "foreign_keys"),
        *("freelist_count", "function_list", "index_info", "index_list"),
        *("index_xinfo", "integrity_check", "page_count", "page_size"),
        *("quick_check", "schema_version", "table_info", "table_list"),
        *("table_xinfo", "user_version"),
    }
)
_SET_PRAGMAS = frozenset({"application_id", "foreign_keys", "user_version"})


def parse_database_url(value: str) -> str:
    """Return the path of a `sqlite:` URL, or `:memory:`; `ValueError` for other databases.

    `sqlite:data.db`, `sqlite:///data.db` and `sqlite:////srv/data.db` (absolute) are understood.
    """
    scheme, separator, path = value.partition(":")
    if scheme.lower() != "sqlite" or not separator:
        raise ValueError("only SQLite is supported: sqlite:data.db, or sqlite::memory:")
    path = path.removeprefix("///")
    if path.startswith(("file:", "//")) or "?" in path:
        raise ValueError("expected a path after sqlite:, without host or options")
    return path or _MEMORY


_PLACEHOLDER = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | (\?\d+)""", re.VERBOSE | re.DOTALL
)
"""A numbered placeholder, or a literal, name or comment, whose contents are not placeholders."""


class SqlParameters(StepParameters):
    """Parameters of sql_query."""

    query: str = Field(
        min_length=1, description="one SQL statement, with ? or :name as placeholders for values"
    )
    args: list[Any] | dict[str, Any] = Field(
        default_factory=list, description="the values: a list for ?, an object for :name"
    )
    database_url: Annotated[str, AfterValidator(parse_database_url)] = Field(
        default=f"sqlite:{_MEMORY}",
        validate_default=True,
        description="sqlite:PATH inside the working directory, created when missing; or "
        "sqlite::memory: for an empty database in memory",
    )
    max_rows: int = Field(
        default=DEFAULT_ROWS, ge=1, le=MAX_ROWS, description="the most rows to return"
    )
    read_only: bool = Field(default=False, description="true: a statement that writes fails")


class SqlOutput(BaseModel):
    """Output of sql_query."""

    columns: list[str] = Field(description="the names of the columns, in order")
    rows: list[list[Any]] = Field(description="the rows, each a list of values; blobs as base64")
    row_count: int = Field(
        description="the number of rows returned, or changed by a statement that returns none"
    )
    truncated: bool = Field(description="whether there were more rows than max_rows")


class SqlQuery(FileStep):
    """Runs one statement and commits it when it succeeds. Other databases cannot be attached."""

    name: ClassVar[str] = "sql_query"
    parameters: ClassVar[type[StepParameters]] = SqlParameters
    output: ClassVar[type[BaseModel]] = SqlOutput
    summary: ClassVar[str] = "Run an SQL statement against a SQLite database"

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Open the database, run the statement and fetch at most `max_rows` rows."""
        parameters: SqlParameters = call.parameters
        _check_args(parameters.args)
        with _opened(tree, parameters, call) as connection:
            try:
                return _run(connection, parameters)
            except sqlite3.Error as error:
                if call.cancelled is not None and call.cancelled.is_set():
                    raise StepFailedError(
                        "stopped: the attempt was cancelled", "cancelled"
                    ) from error
                raise StepFailedError(f"SQL: {error}", "sql") from error

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Show the statement and the database."""
        database = shown(parameters.get("database_url", f"sqlite:{_MEMORY}"))
        return clip(f"would run {shown(parameters.get('query'))} on {database}")

    def intent(self, parameters: Mapping[str, Any]) -> Intent:
        """Name the database's file, which a statement may write."""
        try:
            path = parse_database_url(str(parameters.get("database_url", f"sqlite:{_MEMORY}")))
        except ValueError:
            return NO_INTENT
        files = () if path == _MEMORY else (path,)
        is_read_only = parameters.get("read_only") is True
        return Intent(reads=files, writes=() if is_read_only else files)


@contextmanager
def _opened(tree: Tree, parameters: SqlParameters, call: StepCall) -> Iterator[sqlite3.Connection]:
    if parameters.database_url == _MEMORY:
        with contextlib.closing(_connect(_MEMORY, parameters, call)) as connection:
            yield connection
        return
    with tree.place(parameters.database_url, make_parents=True) as place:
        place.file_status()
        folder = tree.root.resolve().joinpath(*place.path.split("/")[:-1])
        path = folder / place.name
        with contextlib.closing(_connect(str(path), parameters, call)) as connection:
            _check_same(place, path)
            yield connection


def _connect(path: str, parameters: SqlParameters, call: StepCall) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    except sqlite3.Error as error:
        raise StepFailedError(f"SQL: {error}", "sql") from error
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        if parameters.read_only:
            connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA schema_version").fetchone()  # opens the file
    except sqlite3.Error as error:
        connection.close()
        raise StepFailedError(f"SQL: {error}", "sql") from error
    connection.text_factory = _text
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # also what VACUUM INTO needs
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES)
    connection.set_authorizer(_authorize)
    cancelled = call.cancelled
    if cancelled is not None:
        connection.set_progress_handler(lambda: int(cancelled.is_set()), _VM_STEPS_PER_CANCEL_CHECK)
    return connection


def _check_same(place: Place, path: Path) -> None:
    """Refuse a database that is not the file at the end of the checked path.

    SQLite opens by name and follows links; the file it opened must be the one found by walking the
    path, whose last component is not a link.
    """
    inside = place.file_status()
    opened = path.stat()
    if inside is None or (inside.st_dev, inside.st_ino) != (opened.st_dev, opened.st_ino):
        raise PathRefusedError(f"{place.path} was replaced while it was opened")


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Deny statements that reach other files or change how the database works."""
    if action in {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA:
        allowed = _READABLE_PRAGMAS if second is None else _SET_PRAGMAS | _READABLE_PRAGMAS
        return sqlite3.SQLITE_OK if (first or "").lower() in allowed else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in {
        "load_extension",
        "fts3_tokenizer",
    }:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _run(connection: sqlite3.Connection, parameters: SqlParameters) -> Mapping[str, Any]:
    cursor = connection.execute(parameters.query, _bound(parameters.query, parameters.args))
    if cursor.description is None:
        changed = max(cursor.rowcount, 0)
        return {"columns": [], "rows": [], "row_count": changed, "truncated": False}
    columns = [str(column[0]) for column in cursor.description]
    rows: list[list[Any]] = []
    truncated = False
    size = 0
    for row in cursor:
        if len(rows) == parameters.max_rows:
            truncated = True
            break
        values = [_plain(value) for value in row]
        size += sum(len(value) if isinstance(value, str) else 8 for value in values)
        if size > MAX_BYTES:
            raise StepFailedError(
                f"the rows hold more than {MAX_BYTES} bytes",
                "too_large",
                reason=Reason.OUTPUT_LIMIT,
            )
        rows.append(values)
    return {"columns": columns, "rows": rows, "row_count": len(rows), "truncated": truncated}


def _bound(query: str, args: list[Any] | dict[str, Any]) -> list[Any] | dict[str, Any]:
    """Return `args` as sqlite3 expects them: it treats `?1` as a name, which needs a mapping."""
    is_numbered = any(match[1] for match in _PLACEHOLDER.finditer(query))
    if isinstance(args, dict) or not is_numbered:
        return args
    return {str(number): value for number, value in enumerate(args, 1)}


def _check_args(args: list[Any] | dict[str, Any]) -> None:
    for value in args.values() if isinstance(args, dict) else args:
        if isinstance(value, list | dict):
            raise StepFailedError(
                "args contains a list or object: SQL values are texts, numbers, booleans or null",
                "args",
                reason=Reason.INVALID_PARAMETERS,
            )


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity
    return value


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
