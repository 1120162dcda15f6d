"""docs/mission-file.md says what the program does: examples load, tables follow the schema."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.domain.mission import ParamType, TriggerRule
from core.engine.context import DEFAULT_SIZE_LIMIT, OUTPUT_LIMIT
from core.expression.evaluate import FUEL_INSTRUCTIONS, MAX_OUTPUT_CHARACTERS
from core.mission_file.explain import SECTIONS, explain
from core.mission_file.finding import limit
from core.mission_file.keys.config import OLD_SPELLINGS
from core.mission_file.keys.not_yet import LANGUAGE_TYPES
from core.mission_file.keys.top_level import MISSION_KEYS
from core.mission_file.load import Loaded, load_mission
from core.planning.fanout_items import MAX_ITEMS
from core.planning.trigger_rule import Outcomes, Verdict, judge
from core.step_type.registry import BUILT_IN
from tests.support.cli import Inside
from tests.tools.generate_step_docs import PAGE, SAMPLES, with_parts

TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = [
    pytest.param(match[1], id=f"line {TEXT[: match.start()].count(chr(10)) + 1}")
    for match in re.finditer(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
]
_REFUSED = re.compile(r"# not valid: (\w+)\n")


def whole(block: str) -> str:
    """Return a block as a whole mission file: fragments are put where they belong."""
    if block.startswith("version:"):
        return block
    body = _REFUSED.sub("", block)
    data = yaml.safe_load(body)
    head = 'version: "1.0"\nname: example\n'
    filler = "steps: [{id: filler, name: Filler, step_type: noop}]\n"
    if isinstance(data, list):
        return f"{head}steps:\n{body}"
    assert set(data) <= set(MISSION_KEYS), f"neither steps nor keys of a mission: {sorted(data)}"
    return head + body + ("" if "steps" in data else filler)


def load(text: str) -> Loaded:
    return load_mission(text, name="docs/mission-file.md", fmt="yaml")


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_is_valid_without_a_warning_or_refused_as_it_says(block: str) -> None:
    loaded = load(whole(block))
    refused = _REFUSED.match(block)
    if refused is None:
        assert [str(found) for found in loaded.diagnostics] == []
        assert loaded.mission is not None
    else:
        assert refused[1] in {found.code.value for found in loaded.diagnostics}
        assert loaded.mission is None


def test_the_example_of_an_include_is_valid(tmp_path: Path) -> None:
    files = re.findall(r"```yml\n# (.*?)\n(.*?)```", TEXT, re.DOTALL)
    assert [name for name, _ in files] == ["release.yaml", "common/deploy.yaml"]
    for name, text in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    loaded = load_mission(tmp_path / "release.yaml")
    assert [str(found) for found in loaded.diagnostics] == []
    assert loaded.mission is not None
    assert [step.id for step in loaded.mission.steps] == ["first", "build"]


def test_there_are_examples_and_some_of_them_are_wrong_on_purpose() -> None:
    texts = [block.values[0] for block in BLOCKS]
    assert len(texts) > 15
    assert sum(bool(_REFUSED.match(str(text))) for text in texts) >= 4


def test_the_complete_example_runs_to_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    complete = [str(block.values[0]) for block in BLOCKS if "version:" in str(block.values[0])]
    look = Inside(tmp_path / "home", monkeypatch, capfd)
    for number, text in enumerate(complete):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        ran = look("run", str(path), "--json")
        assert (ran.code, ran.json["overall_status"]) == (0, "Success")


def test_the_generated_parts_are_fresh() -> None:
    assert with_parts(TEXT) == TEXT, "run `make docs`"


def section(name: str) -> str:
    """Return the generated part of that name."""
    found = re.search(rf"<!-- generated: {name} -->\n(.*?)<!-- end of {name} -->", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def first_column(table: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_table_of_keys_has_every_key_of_the_schema_and_no_other(name: str) -> None:
    keys: Mapping[str, Any] = SECTIONS[name][1]
    assert first_column(section(f"keys of {name}")) == list(keys)


def test_every_key_is_used_in_an_example() -> None:
    used: set[str] = set()

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            used.update(map(str, value))
            for item in value.values():
                collect(item)
        elif isinstance(value, list):
            for item in value:
                collect(item)

    for block in BLOCKS:
        collect(yaml.safe_load(str(block.values[0])))
    keys = {key for _, keys in SECTIONS.values() for key in keys}
    assert keys - used == set()


def test_older_spellings_and_types_to_come_are_named() -> None:
    for name in (*OLD_SPELLINGS, *(set(LANGUAGE_TYPES) - set(BUILT_IN))):
        assert f"`{name}`" in TEXT


def test_every_step_type_has_a_section() -> None:
    titles = re.findall(r"^#### (\w+)$", TEXT, re.MULTILINE)
    assert titles == list(BUILT_IN)


def hand_written(heading: str) -> str:
    """Return the text below a heading, up to the next one."""
    found = re.search(rf"^#+ {heading}\n(.*?)(?=^#)", TEXT, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_every_param_type_is_in_the_table() -> None:
    assert first_column(hand_written("Params"))[-len(ParamType) :] == list(ParamType)


REASONS = {
    Verdict.SKIP_FAILED: "UPSTREAM_FAILED",
    Verdict.SKIP_SKIPPED: "UPSTREAM_SKIPPED",
    Verdict.SKIP_RULE: "TRIGGER_RULE",
}


@pytest.mark.parametrize("rule", TriggerRule)
def test_the_table_of_trigger_rules_says_how_each_skips(rule: TriggerRule) -> None:
    row = re.search(
        rf"^\| `{rule}` \| (.*) \| (.*) \|$", hand_written("Trigger rules"), re.MULTILINE
    )
    assert row is not None
    reasons = set()
    early = False
    for ok in range(3):
        for failed in range(3):
            for skipped in range(3):
                ended = Outcomes(ok=ok, failed=failed, skipped=skipped)
                verdict = judge(rule, ended)
                if verdict is not Verdict.RUN:
                    reasons.add(REASONS[verdict])
                pending = judge(rule, Outcomes(pending=1, ok=ok, failed=failed, skipped=skipped))
                early = early or pending is Verdict.RUN
    assert set(re.findall(r"[A-Z_]{5,}", row[2])) == reasons
    assert (row[2] == "never") == (not reasons)
    assert early == ("waited for" in row[1])


def test_the_limits_are_those_of_the_program() -> None:
    page = re.sub(r"\s+", " ", TEXT)
    for number in (
        limit.MAX_NODES,
        limit.MAX_DEPTH_LEVELS,
        limit.MAX_SCALAR_CHARACTERS,
        limit.MAX_ALIAS_NODES,
        limit.MAX_STEPS,
        limit.MAX_PARALLEL_ATTEMPTS,
        limit.MAX_ATTEMPTS,
        limit.MAX_NAME_CHARACTERS,
        limit.MAX_DESCRIPTION_CHARACTERS,
        MAX_ITEMS,
        MAX_OUTPUT_CHARACTERS,
        FUEL_INSTRUCTIONS,
    ):
        assert f"{number:,}" in page
    assert limit.MAX_BYTES == DEFAULT_SIZE_LIMIT == 64 * 1024**2
    assert OUTPUT_LIMIT == 4 * 1024**2
    assert "64 MiB" in page
    assert "4 MiB" in page


def test_every_link_within_the_page_and_to_files_leads_somewhere() -> None:
    titles = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith("https://"):
            assert (PAGE.parent / target).exists()


def test_every_sample_is_shown() -> None:
    names = {path.name for path in SAMPLES.glob("*.yaml")}
    assert set(re.findall(r"\.\./sample_missions/([\w-]+\.yaml)", TEXT)) == names


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_on_the_page_is_explained_at_the_prompt_in_the_same_words(name: str) -> None:
    for key, known in SECTIONS[name][1].items():
        told = " ".join(explain(f"{name}.{key}").split())
        assert " ".join(known.doc.split()) in told
