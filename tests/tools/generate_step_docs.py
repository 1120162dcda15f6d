"""Writes the generated parts of docs/mission-file.md: keys, step types, template words, samples.

Each part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
`python -m tests.tools.generate_step_docs` writes them; `tests/docs/test_mission_file_page.py` says
when they are stale.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from core.expression.template import FILTERS, FUNCTIONS, STATEMENTS, TESTS
from core.mission_file.explain import SECTIONS
from core.mission_file.finding.value_check import Key
from core.mission_file.load import load_mission
from core.step_type.registry import step_type, step_type_names

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "mission-file.md"
SAMPLES = ROOT / "sample_missions"


def main() -> None:
    """Write what is generated."""
    PAGE.write_text(with_parts(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def with_parts(text: str) -> str:
    """Return a page with every generated part as the program has it now."""
    for name, part in parts().items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end of {name} -->\n"
        before, opening, rest = text.partition(begin)
        _, closing, after = rest.partition(end)
        if not opening or not closing:
            raise SystemExit(f"{PAGE.name} needs the lines {begin!r} and {end!r}")
        text = f"{before}{begin}\n{part}\n{end}{after}"
    return text


def parts() -> dict[str, str]:
    """Return every generated part by name."""
    found = {f"keys of {name}": key_table(keys) for name, (_, keys) in SECTIONS.items()}
    found["step types"] = "\n".join(_step_types())
    found["template words"] = "\n".join(_template_words())
    found["samples"] = "\n".join(_samples())
    return {name: f"{part.rstrip()}\n" for name, part in found.items()}


def key_table(keys: Mapping[str, Key]) -> str:
    """Return a table of keys: name, meaning, default, example."""
    rows = ["| key | what it is | default | example |", "|---|---|---|---|"]
    for name, key in keys.items():
        default = "required" if key.required else _cell(key.default or "-")
        example = f"`{_cell(key.example)}`" if key.example else ""
        rows.append(f"| `{name}` | {_cell(key.doc)} | {default} | {example} |")
    return "\n".join(rows)


def _step_types() -> Iterator[str]:
    names = [name for name in step_type_names() if _is_ours(name)]
    yield "| type | what it does |"
    yield "|---|---|"
    for name in names:
        yield f"| [`{name}`](#{name}) | {_cell(_type(name).summary)} |"
    for name in names:
        kind = _type(name)
        yield ""
        yield f"#### {name}"
        yield ""
        yield f"{kind.summary}."
        yield ""
        yield "| parameter | what it is | default |"
        yield "|---|---|---|"
        yield from _parameters(kind.parameters)
        outputs = kind.output.model_json_schema(by_alias=True).get("properties", {})
        yield ""
        if not outputs:
            yield "It has no output."
            continue
        yield "| output | what it is |"
        yield "|---|---|"
        for key, field in outputs.items():
            yield f"| `{key}` | {_cell(_sentence(field.get('description', '')))} |"


def _parameters(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)
    needed = schema.get("required", ())
    fields = schema.get("properties", {})
    for name in sorted(fields, key=lambda name: name not in needed):
        default = "required" if name in needed else _default(fields[name])
        yield f"| `{name}` | {_cell(_meaning(fields[name]))} | {default} |"


def _meaning(field: Mapping[str, Any]) -> str:
    """Return the description of a parameter, with the words it may be where they are few."""
    text = _sentence(field.get("description", ""))
    words = field.get("enum", ())
    if all(str(word) in text for word in words):
        return text
    return f"{text}: {', '.join(f'`{word}`' for word in words)}"


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    return "" if value is None else f"`{_cell(json.dumps(value, ensure_ascii=False))}`"


def _template_words() -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    for title, words in (
        ("filters", FILTERS),
        ("tests", TESTS),
        ("functions", FUNCTIONS),
        ("statements", STATEMENTS),
    ):
        yield f"| {title} | {', '.join(f'`{word}`' for word in sorted(words))} |"


def _samples() -> Iterator[str]:
    yield "| sample | steps | what it does |"
    yield "|---|---|---|"
    for path in sorted(SAMPLES.glob("*.yaml")):
        mission = load_mission(path).mission
        if mission is None:
            raise SystemExit(f"{path} is not valid")
        link = f"[`{path.stem}`](../sample_missions/{path.name})"
        yield f"| {link} | {len(mission.steps)} | {_cell(mission.description or '')} |"


def _type(name: str) -> Any:
    kind = step_type(name)
    if kind is None:
        raise SystemExit(f"step type {name} is gone")
    return kind


def _is_ours(name: str) -> bool:
    """Tell whether a type comes with the program, not with a package that is installed here."""
    return type(_type(name)).__module__.partition(".")[0] in {"core", "storage"}


def _sentence(text: str) -> str:
    """Return a description as all are shown: a capital first, no full stop."""
    return text[:1].upper() + text[1:].rstrip(".")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
