"""Writes the sections of a report as Markdown; every text is escaped."""

import re
from collections.abc import Iterable, Iterator, Sequence

from tui.output.report.report_document import Section
from tui.words.safe_text import safe_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#+!|~&$])")


def markdown_lines(sections: Iterable[Section]) -> Iterator[str]:
    """Yield the lines of a document in CommonMark with tables."""
    for section in sections:
        yield f"{'#' * section.level} {_escaped(section.title)}"
        yield ""
        for line in section.lines:
            yield _escaped(line)
            yield ""
        if section.table is not None and section.table.rows:
            yield _row(section.table.headings)
            yield _row(["---"] * len(section.table.headings), escape=False)
            for row in section.table.rows:
                yield _row(row)
            yield ""


def _row(cells: Sequence[str], *, escape: bool = True) -> str:
    return f"| {' | '.join(_escaped(one) if escape else one for one in cells)} |"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", safe_line(text))
