"""Writes the sections of a report as one HTML file that loads nothing and prints well."""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from tui.output.report.report_document import Section
from tui.words.safe_text import safe_line

_STYLE: Final = """
body { font: 11pt/1.45 system-ui, sans-serif; color: #111; background: #fff;
  max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
h2 { font-size: 1.25rem; margin-top: 2rem; border-bottom: 1px solid #999; }
h3 { font-size: 1.05rem; margin-top: 1.4rem; }
table { border-collapse: collapse; font-size: .9em; margin-top: .6rem; max-width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem .4rem;
  border-bottom: 1px solid #ccc; overflow-wrap: break-word; }
th { background: #f0f0f0; white-space: nowrap; }
td.text { overflow-wrap: anywhere; min-width: 12rem; } td.time, td.number { white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
p { margin: .4rem 0; overflow-wrap: anywhere; }
p.verdict { padding: .5rem .8rem; border-left: .4rem solid; font-weight: 600; }
p.good { border-color: #1a7f37; background: #e9f6ec; }
p.bad { border-color: #b42318; background: #fdecea; }
td.good { color: #1a6b30; } td.bad { color: #b42318; font-weight: 600; } td.faint { color: #666; }
@media print {
  @page { size: A4 landscape; margin: 15mm; }
  body { font-size: 9pt; max-width: none; margin: 0; padding: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  thead { display: table-header-group; } tr { break-inside: avoid; }
  h1, h2, h3 { break-after: avoid; }
}
"""
_KINDS: Final = {
    "what": "text",
    "what that means": "text",
    "message": "text",
    "when (UTC)": "time",
    "started (UTC)": "time",
    "number": "number",
    "attempts": "number",
    "attempt": "number",
    "exit code": "number",
    "took": "number",
    "event": "number",
}
"""How the cells of a column are set, by its heading."""
_TONES: Final = {
    "done": "good",
    "yes": "good",
    "failed": "bad",
    "cancelled": "bad",
    "lost": "bad",
    "skipped": "faint",
}
"""The tone of a cell in a column of outcomes, by its word."""
_OUTCOMES: Final = frozenset({"outcome", "shown"})
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
        for number, line in enumerate(section.lines):
            is_verdict = section.tone and not number
            kind = f' class="verdict {section.tone}"' if is_verdict else ""
            yield f"<p{kind}>{_escaped(line)}</p>"
        if section.table is not None and section.table.rows:
            headings = section.table.headings
            heads = "".join(_cell("th", one, one, "") for one in headings)
            yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
            for row in section.table.rows:
                cells = zip(headings, row, strict=True)
                yield f"<tr>{''.join(_cell('td', *one, _tone(*one)) for one in cells)}</tr>"
            yield "</tbody></table>"
    yield "</body></html>"


def _tone(heading: str, text: str) -> str:
    return _TONES.get(text, "") if heading in _OUTCOMES else ""


def _cell(tag: str, heading: str, text: str, tone: str) -> str:
    kind = " ".join(filter(None, (_KINDS.get(heading, ""), tone)))
    named = f' class="{kind}"' if kind else ""
    return f"<{tag}{named}>{_escaped(text)}</{tag}>"


def _escaped(text: str) -> str:
    return escape(safe_line(text))
