"""Collects the problems of a file; positions are looked up once, and only if needed."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from core.mission_file.finding.code import Code
from core.mission_file.finding.diagnostic import Diagnostic, Severity
from core.mission_file.finding.limit import MAX_DIAGNOSTICS
from core.mission_file.finding.source_text import Lines, Span

Path = tuple[str | int, ...]
"""The keys and indexes that lead to a value: `("steps", 3, "parameters", "command")`."""


class Position(Struct, frozen=True):
    """The position of a value; `key` is None for the items of a list and for the whole document."""

    key: Span | None
    value: Span


Locate = Callable[[Iterable[Path]], Mapping[Path, Position]]
"""Locates paths and their ancestors; paths that are not in the file are left out."""


class Problem(Struct, frozen=True):
    """A problem at a path, or at a span that is already known."""

    severity: Severity
    code: Code
    message: str
    path: Path
    on_key: bool
    hint: str | None
    span: Span | None
    needle: str | None = None
    """The offending part of the value's text, if it occurs there literally."""

    @property
    def place_in_files(self) -> int:
        """The number of the included file it is in, 0 for the mission file itself."""
        first = self.path[0] if self.path else 0
        return -first if isinstance(first, int) and first < 0 else 0


class FileText(Struct, frozen=True):
    """A file that problems may be in."""

    name: str
    text: str
    locate: Locate


_MOST_STEPS = 4
"""How often a value may be written out: in an included file, a template, a short form, a default.
"""


class Problems:
    """The problems of one file, in the order they were found."""

    def __init__(self) -> None:
        self._found: dict[Severity, list[Problem]] = {Severity.ERROR: [], Severity.WARNING: []}
        self._more = {Severity.ERROR: 0, Severity.WARNING: 0}
        self._written_at: dict[Path, tuple[Path, str]] = {}

    def written_at(self, path: Path, place: Path, user: str = "") -> None:
        """Report what is found at `path`, or below it, at `place`: there the value was written.

        `user` is added to the message: it names the other place, where the value is used.
        """
        self._written_at[path] = place, user

    @property
    def has_errors(self) -> bool:
        """Whether anything was found that keeps the mission from running."""
        return bool(self._found[Severity.ERROR])

    @property
    def first_error(self) -> str | None:
        """The message of the first error, None without any."""
        found = self._found[Severity.ERROR]
        return found[0].message if found else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found at all."""
        return not self.has_errors and not self._found[Severity.WARNING]

    def error(
        self,
        code: Code,
        message: str,
        path: Path = (),
        *,
        on_key: bool = False,
        hint: str | None = None,
        span: Span | None = None,
        needle: str | None = None,
    ) -> None:
        """Report an error at `path` (its key, its value or a part of it), or at `span`."""
        self._add(Problem(Severity.ERROR, code, message, path, on_key, hint, span, needle))

    def add_last_error_of(self, other: "Problems") -> None:
        """Add the last error of `other`."""
        self._add(other._found[Severity.ERROR][-1])

    def add_all_of(
        self,
        other: "Problems",
        place_of: Callable[[Path], Path | None],
        hint_of: Callable[[Problem], str | None],
    ) -> None:
        """Add the problems of `other` at the places that `place_of` returns; None leaves one out.

        `hint_of` returns the hint of each. The severity and the order stay.
        """
        for found in other._found.values():
            for problem in found:
                place = place_of(problem.path)
                if place is not None:
                    self._add(replace(problem, path=place, hint=hint_of(problem)))

    def warn(
        self,
        code: Code,
        message: str,
        path: Path = (),
        *,
        on_key: bool = False,
        hint: str | None = None,
        needle: str | None = None,
    ) -> None:
        """Report a warning."""
        self._add(Problem(Severity.WARNING, code, message, path, on_key, hint, None, needle))

    def _add(self, problem: Problem) -> None:
        found = self._found[problem.severity]
        if self._written_at:
            place, user = self._place_of(problem.path)
            message = f"{problem.message} ({user})" if user else problem.message
            problem = replace(problem, path=place, message=message)
            if problem in found:  # a default that is wrong in every step
                return
        if len(found) < MAX_DIAGNOSTICS:
            found.append(problem)
        else:
            self._more[problem.severity] += 1

    def _place_of(self, path: Path) -> tuple[Path, str]:
        """Return where the value at a path was written, and who uses it."""
        user = ""
        for _ in range(_MOST_STEPS):
            for length in range(len(path), 0, -1):
                found = self._written_at.get(path[:length])
                if found is not None:
                    path, user = found[0] + path[length:], user or found[1]
                    break
            else:
                break
        return path, user

    def diagnostics(
        self, file: str, text: str, locate: Locate, included: Sequence[FileText] = ()
    ) -> tuple[Diagnostic, ...]:
        """Return all problems with their positions, in order of position.

        Those whose path begins with -1 are in the first of the `included` files, and so on.
        """
        if self.is_empty:
            return ()
        problems = [problem for found in self._found.values() for problem in found]
        own = [problem for problem in problems if not problem.place_in_files]
        result = _placed(file, text, locate, own)
        for number, one in enumerate(included, start=1):
            inner = [
                replace(problem, path=problem.path[1:])
                for problem in problems
                if problem.place_in_files == number
            ]
            if inner:
                result += _placed(one.name, one.text, one.locate, inner)
        for severity, more in self._more.items():
            if more:
                result.append(
                    Diagnostic(
                        severity=severity,
                        code=Code.MORE,
                        message=f"{more} more {severity}s are not shown",
                        file=file,
                    )
                )
        return tuple(result)


def _placed(file: str, text: str, locate: Locate, problems: list[Problem]) -> list[Diagnostic]:
    """Return the diagnostics of one file in order of position."""
    wanted = {problem.path for problem in problems if problem.span is None}
    spots = locate(wanted) if wanted else {}
    lines = Lines(text)
    placed = sorted(
        ((_span(problem, spots, text), problem) for problem in problems),
        key=lambda pair: pair[0].start,
    )
    return [_diagnostic(file, lines, span, problem) for span, problem in placed]


def _span(problem: Problem, spots: Mapping[Path, Position], text: str) -> Span:
    if problem.span is not None:
        return problem.span
    path, on_key = problem.path, problem.on_key
    while path not in spots:
        if not path:
            first = len(text) - len(text.lstrip())
            return Span(first, first + 1)
        path, on_key = path[:-1], True
    spot = spots[path]
    if on_key and spot.key is not None:
        return spot.key
    span = spot.value
    if problem.needle and (at := text.find(problem.needle, span.start, span.end)) >= 0:
        return Span(at, at + len(problem.needle))
    return span


def _diagnostic(file: str, lines: Lines, span: Span, problem: Problem) -> Diagnostic:
    place = lines.place(span)
    return Diagnostic(
        severity=problem.severity,
        code=problem.code,
        message=problem.message,
        file=file,
        line=place.line,
        column=place.column,
        hint=problem.hint,
        source_line=place.source_line,
        caret=place.caret,
        length=place.length,
    )
