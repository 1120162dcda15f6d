"""Writes the figures of a session into `docs/performance.md`, and the picture of them beside it."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.picture import draw
from benchmarks.report import Figure, Target, number, spread_text, unit_text

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "pictures" / "performance.svg"
BEGIN = "<!-- figures: written by `make bench` -->"
END = "<!-- end of figures -->"
ALTERNATIVE = "The wall and CPU time of a step: Mission Deck beside other tools"


def write(document: dict[str, Any], page: Path = PAGE, picture: Path = PICTURE) -> None:
    """Put figures and picture of a session, as `results.json` holds it, into the documentation."""
    text = page.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    drawn = draw(document["results"], _surroundings(document))
    parts = [figures(document)]
    if drawn is None:  # no contenders were measured
        picture.unlink(missing_ok=True)
    else:
        picture.write_text(drawn, "utf-8")
        parts.append(f"![{ALTERNATIVE}](pictures/{picture.name})\n")
    text = "\n".join(parts)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", "utf-8")


def figures(document: dict[str, Any]) -> str:
    """Return the figures that have a target, and the ratios, as a table of Markdown."""
    lines = [
        f"{_surroundings(document)}.\n",
        "| what | median | of the rounds | target | |",
        "|---|---|---|---|---|",
    ]
    for name, found in document["results"].items():
        for values in found:
            one = _figure(values)
            if one.target is None and one.unit != "x":
                continue
            value = f"{number(one.value)} {unit_text(one.unit)}"
            verdict = "**missed**" if one.verdict == "MISSED" else one.verdict
            cells = (f"`{name}`: {one.name}", value, spread_text(one), str(one.target or ""))
            lines.append(f"| {' | '.join(cells)} | {verdict} |")
    return "\n".join(lines) + "\n"


def _figure(values: dict[str, Any]) -> Figure:
    target = None if values["target"] is None else Target(**values["target"])
    names = ("name", "value", "unit", "least", "greatest")
    return Figure(**{name: values[name] for name in names}, target=target)


def _surroundings(document: dict[str, Any]) -> str:
    facts, load = document["machine"], document["load"]
    return (
        f"{facts['processors']} processors ({facts['machine']}), {facts['system']}"
        f" {facts['kernel']}, Python {facts['python']}, SQLite {facts['sqlite']};"
        f" load average {load['before']:.1f} before the run and {load['after']:.1f} after it"
    )


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text("utf-8")))
