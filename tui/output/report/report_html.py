"""Writes the sections of a report as one HTML file that loads nothing and prints well."""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from tui.output.report.report_document import Section
from tui.words.safe_text import safe_line

_STYLE: Final = """
body { font: 11pt/1.45 system-ui, sans-serif; color: #111; background: #fff;
  max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.25rem; margin-top: 2rem; border-bottom: 1px solid #999; }
h3 { font-size: 1.05rem; }
table { border-collapse: collapse; width: 100%; font-size: .9em; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem;
  border-bottom: 1px solid #ccc; overflow-wrap: anywhere; }
th { background: #f0f0f0; } p { margin: .4rem 0; overflow-wrap: anywhere; }
@media print {
  @page { size: A4 landscape; margin: 15mm; }
  body { font-size: 9pt; max-width: none; margin: 0; padding: 0; }
  thead { display: table-header-group; } tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def html_lines(sections: Iterable[Section]) -> Iterator[str]:
    """Yield the lines of a document in HTML 5."""
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Audit report</title><style>{_STYLE}</style></head><body>"
    for section in sections:
        yield f"<h{section.level}>{_escaped(section.title)}</h{section.level}>"
        for line in section.lines:
            yield f"<p>{_escaped(line)}</p>"
        if section.table is not None and section.table.rows:
            heads = "".join(f"<th>{_escaped(one)}</th>" for one in section.table.headings)
            yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
            for row in section.table.rows:
                yield f"<tr>{''.join(f'<td>{_escaped(one)}</td>' for one in row)}</tr>"
            yield "</tbody></table>"
    yield "</body></html>"


def _escaped(text: str) -> str:
    return escape(safe_line(text))
