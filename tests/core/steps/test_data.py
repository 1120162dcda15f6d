import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.domain.reasons import Reason
from core.step_type.json_text import JsonTextError, parse_json_text
from tests.support.step_run import StepRunner


@pytest.fixture
def steps(tmp_path: Path) -> StepRunner:
    return StepRunner(tmp_path)


# --- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["null", "[]", '{"a": [1, 2.5, true, "ü\\n"]}', ' "x" ', "0"])
def test_json_becomes_data(steps: StepRunner, text: str) -> None:
    assert steps.ok("parse_json", content=text) == {"parsed": json.loads(text), "valid": True}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n "a": 1,\n}', "line 3, column 1"),
        ("", "line 1, column 1"),
        ("[1, 2", "line 1, column 6"),
        ("NaN", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("1e999", "the number 1e999 is too large"),
        ('"\\ud800"', "lone surrogate"),
        ('{"\\uDFFF": 1}', "lone surrogate"),
        ("[" * 100_000, "nested deeper than 200"),
        ("[" * 300 + "]" * 300, "nested deeper than 200"),
        ("1" * 5000, "digits"),
    ],
)
def test_what_is_no_json_is_a_failure_that_says_where(
    steps: StepRunner, text: str, message: str
) -> None:
    outcome = steps.run("parse_json", content=text)
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.message is not None
    assert outcome.message.startswith("not JSON: ")
    assert message in outcome.message


def test_a_surrogate_pair_is_a_character(steps: StepRunner) -> None:
    assert steps.ok("parse_json", content='"\\ud83d\\ude80"')["parsed"] == "🚀"


@given(st.text())
def test_any_text_is_either_storable_data_or_an_error(text: str) -> None:
    try:
        data = parse_json_text(text)
    except JsonTextError:
        return
    json.dumps(data, allow_nan=False, ensure_ascii=False).encode()


def test_content_must_be_text(steps: StepRunner) -> None:
    with pytest.raises(ValidationError, match="content"):
        steps.run("parse_json", content={"a": 1})


# --- YAML ---------------------------------------------------------------------------------------


def test_yaml_is_read_by_the_rules_of_version_1_2(steps: StepRunner) -> None:
    text = "a: no\nb: 010\nc: 12:30\nd: 0o17\ne: [1.5, ~, 'x']\nf: &x {g: h}\ni: *x\n"
    assert steps.ok("parse_yaml", content=text)["parsed"] == {
        "a": "no",
        "b": 10,
        "c": "12:30",
        "d": 15,
        "e": [1.5, None, "x"],
        "f": {"g": "h"},
        "i": {"g": "h"},
    }
    assert steps.ok("parse_yaml", content="")["parsed"] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [", "line 2"),
        ("a: 1\na: 2", "line 2, column 1: duplicate key"),
        ("a: !!python/object:os.system x", "line 1, column 4: tags are not allowed"),
        ("a: 1\n---\nb: 2", "more than one YAML document"),
        ("[" * 100_000, "nested deeper than"),
        ("x: .nan", "not a number that JSON can hold"),
        ("a: *nowhere", "alias *nowhere"),
        ("a: \x00", "line 1"),
        ("\t- x", "line 1"),
    ],
)
def test_what_is_no_yaml_is_a_failure_that_says_where(
    steps: StepRunner, text: str, message: str
) -> None:
    outcome = steps.run("parse_yaml", content=text)
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.message is not None
    assert outcome.message.startswith("not YAML: line ")
    assert message in outcome.message


def test_many_errors_of_yaml_are_cut_short(steps: StepRunner) -> None:
    outcome = steps.run("parse_yaml", content="\n".join("a: 1" for _ in range(20)))
    assert outcome.message is not None
    assert outcome.message.endswith("; and 14 more")


def test_an_alias_bomb_is_refused(steps: StepRunner) -> None:
    text = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )
    assert steps.run("parse_yaml", content=text).reason_code is Reason.STEP_ERROR


@given(st.text(alphabet="ab:-[]{}&*!#|>'\"\\\n\t \x00\x85\ud800🚀0.~"))
def test_any_text_is_either_storable_yaml_or_an_error(text: str) -> None:
    outcome = StepRunner(Path()).run("parse_yaml", content=text)
    if outcome.error is None:
        json.dumps(dict(outcome.output), allow_nan=False, ensure_ascii=False).encode()


# --- CSV ----------------------------------------------------------------------------------------


def test_csv_becomes_records_by_name(steps: StepRunner) -> None:
    text = '\ufeffid,name\r\n1,"a ""quoted"", name"\r\n\r\n2,"two\nlines"\n'
    assert steps.ok("parse_csv", content=text) == {
        "headers": ["id", "name"],
        "records": [
            {"id": "1", "name": 'a "quoted", name'},
            {"id": "2", "name": "two\nlines"},
        ],
        "row_count": 2,
        "valid": True,
    }


def test_csv_without_a_header_becomes_lists(steps: StepRunner) -> None:
    output = steps.ok("parse_csv", content="1;2\n3;4", delimiter=";", header=False)
    assert output == {
        "headers": [],
        "records": [["1", "2"], ["3", "4"]],
        "row_count": 2,
        "valid": True,
    }


def test_fields_may_be_separated_by_tabs(steps: StepRunner) -> None:
    for delimiter in ("tab", "\t", "\\t"):
        output = steps.ok("parse_csv", content="a\tb\n1\t2", delimiter=delimiter)
        assert output["records"] == [{"a": "1", "b": "2"}]


def test_csv_of_nothing_or_of_a_header_alone_has_no_rows(steps: StepRunner) -> None:
    assert steps.ok("parse_csv", content="")["headers"] == []
    output = steps.ok("parse_csv", content="a,b\n")
    assert (output["headers"], output["row_count"]) == (["a", "b"], 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n1,2,3", "line 3: 3 fields, the first row has 2"),
        ("a,b\n1\n", "line 2: 1 fields, the first row has 2"),
        ("a,b,a\n1,2,3", "two columns are named 'a'"),
        ('a\n"open', "unexpected end of data"),
        ('a\n"x"y', "line 2"),
        ("a\n" + "x" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_what_is_no_csv_is_a_failure_that_says_where(
    steps: StepRunner, text: str, message: str
) -> None:
    outcome = steps.run("parse_csv", content=text)
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.message is not None
    assert outcome.message.startswith("not CSV: line ")
    assert message in outcome.message


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n"])
def test_a_delimiter_is_one_character(steps: StepRunner, delimiter: str) -> None:
    with pytest.raises(ValidationError, match="delimiter"):
        steps.run("parse_csv", content="a", delimiter=delimiter)


# --- schema -------------------------------------------------------------------------------------

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
}


def test_data_that_fits_is_valid(steps: StepRunner) -> None:
    output = steps.ok("validate_schema", data={"name": "x", "age": 3}, schema=PERSON)
    assert output == {"valid": True, "errors": []}


def test_data_that_does_not_fit_fails_and_names_every_error(steps: StepRunner) -> None:
    schema = {"type": "array", "items": PERSON}
    data: list[Any] = [{"age": -1}, {"name": 5}]
    outcome = steps.run("validate_schema", data=data, schema=schema)
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.message == (
        "does not match the schema: $[0]: 'name' is a required property (and 2 more)"
    )
    assert [error["path"] for error in outcome.output["errors"]] == [
        "$[0]",
        "$[0].age",
        "$[1].name",
    ]
    reported = steps.ok("validate_schema", data=data, schema=schema, on_invalid="report")
    assert reported == {"valid": False, "errors": outcome.output["errors"]}


def test_formats_count(steps: StepRunner) -> None:
    schema = {"type": "string", "format": "date"}
    assert steps.ok("validate_schema", data="2026-02-28", schema=schema)["valid"]
    assert steps.run("validate_schema", data="2026-02-30", schema=schema).error is not None


def test_the_draft_is_the_one_the_schema_names(steps: StepRunner) -> None:
    old = {"$schema": "http://json-schema.org/draft-04/schema#", "exclusiveMinimum": True}
    assert steps.ok("validate_schema", data=1, schema={**old, "minimum": 0})["valid"]
    outcome = steps.run("validate_schema", data=1, schema={"exclusiveMinimum": True})
    assert outcome.reason_code is Reason.INVALID_PARAMETERS


def test_references_are_followed_within_the_schema_and_never_fetched(
    steps: StepRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    schema = {"$ref": "#/$defs/x", "$defs": {"x": {"type": "integer"}}}
    assert steps.ok("validate_schema", data=1, schema=schema)["valid"]
    for reference in ("http://127.0.0.1:1/x.json", "file:///etc/passwd", "#/$defs/nowhere"):
        outcome = steps.run("validate_schema", data=1, schema={"$ref": reference})
        assert outcome.reason_code is Reason.INVALID_PARAMETERS
        assert outcome.message is not None
        assert outcome.message.endswith(f"{reference.removeprefix('#')} is not defined in it")


def test_an_unusable_schema_is_a_failure(steps: StepRunner) -> None:
    for schema in ({"type": "nonsense"}, {"$ref": "#"}):
        outcome = steps.run("validate_schema", data="x", schema=schema)
        assert outcome.reason_code is Reason.INVALID_PARAMETERS, schema


def test_errors_are_bounded_in_number_and_length(steps: StepRunner) -> None:
    outcome = steps.run(
        "validate_schema", data=["x" * 5000] * 500, schema={"items": {"type": "integer"}}
    )
    assert len(outcome.output["errors"]) == 100
    assert max(len(error["message"]) for error in outcome.output["errors"]) <= 300


def test_plans_say_what_would_be_read(steps: StepRunner) -> None:
    assert steps.describe("parse_json", content="[]") == "would parse 2 bytes as JSON"
    assert steps.describe("parse_yaml", content="{{ x }}") == (
        "would parse the rendered content as YAML"
    )
    assert steps.describe("parse_csv", content="a") == "would parse 1 byte as CSV"
    assert steps.describe("validate_schema", schema={"title": "person"}) == (
        "would validate data against the schema person"
    )
