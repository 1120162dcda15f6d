import copy
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.expression.evaluate import (
    ExpressionError,
    Renderer,
    check_syntax,
    evaluate,
    has_template,
    plain,
    references,
    render,
)
from core.expression.template import TemplateSyntaxError, as_template, read_template
from tests.support.shared import ROOT

SCOPE: dict[str, Any] = {
    "params": {"n": 1, "none": None, "d": {"x": [1, 2]}, "s": "<b> & é", "items": 9, "f": 1.5},
    "vars": {"on": True, "names": ["b", "a"]},
    "steps": {"build-x": {"output": {"k": 1.5}, "state": "SUCCESS"}, "a.b": {"output": {}}},
    "execution": {"id": "e1", "mission": "m"},
}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ params.n }}", 1),
        ("{{params.n}}", 1),
        ("{{- params.n -}}", 1),
        ("{{ params.none }}", None),
        ("{{ params.d }}", {"x": [1, 2]}),
        ("{{ params.d.x }}", [1, 2]),
        ("{{ params.f }}", 1.5),
        ("{{ vars.on }}", True),
        ("{{ params.n == 1 }}", True),
        ("{{ not vars.on }}", False),
        ("{{ [1, {'a': params.n}] }}", [1, {"a": 1}]),
        ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("{{ '}}' }}", "}}"),
        ("{{ steps['build-x'].output.k }}", 1.5),
        ('{{ steps["build-x"]["output"]["k"] }}', 1.5),
        ("{{ params.items }}", 9),
        ("{{ params.zz|default('q') }}", "q"),
        ("{{ params.zz is defined }}", False),
        ("{{ params.zz.y.x|default('q') }}", "q"),
        ("{{ steps['build-x'].output.inputs.k|d(2) + params.n }}", 3),
        ("{{ params.zz.y is defined or params.d.y.z is not defined }}", True),
        ("{{ params.zz.y|default(1) if params.zz is defined else 2 }}", 2),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ vars.names|sort|join(', ') }}", "a, b"),
        ("{{ params.s }}", "<b> & é"),
    ],
)
def test_a_whole_expression_keeps_its_type(template: str, value: object) -> None:
    found = render(template, SCOPE)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("n={{ params.n }}", "n=1"),
        ("{{ params.n }}\n", "1\n"),
        (" {{ params.n }}", " 1"),
        ("{{ params.n }}{{ params.n }}", "11"),
        ("{{ params.none }}/{{ vars.on }}/{{ params.f }}", "null/true/1.5"),
        ("got {{ params.d }}", 'got {"x": [1, 2]}'),
        ("{{ params.s }}!", "<b> & é!"),
        ("{% for i in params.d.x %}{{ i }};{% endfor %}", "1;2;"),
        ("{% if vars.on %}yes{% else %}no{% endif %}", "yes"),
        ("{% raw %}{{ not.a.template }}{% endraw %}", "{{ not.a.template }}"),
        ("{# a {{ comment }} #}x{{ 1 }}", "x1"),
        ("{{ params.d|tojson }}.", '{"x": [1, 2]}.'),
    ],
)
def test_anything_else_becomes_text(template: str, text: str) -> None:
    assert render(template, SCOPE) == text


def test_data_is_rendered_at_any_depth_and_not_changed() -> None:
    value = {"a": ["{{ params.n }}", {"{{ params.n }}": "x{{ params.n }}"}], "b": 1, "c": None}
    before = copy.deepcopy(value)
    assert render(value, SCOPE) == {"a": [1, {"1": "x1"}], "b": 1, "c": None}
    assert value == before


def test_the_result_shares_nothing_with_the_scope() -> None:
    found = render("{{ params.d }}", SCOPE)
    found["x"].append(3)
    assert SCOPE["params"]["d"] == {"x": [1, 2]}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ params.zz }}", "`params.zz` is undefined"),
        ("a {{ params.zz }}", "`params.zz` is undefined"),
        ("{{ nope }}", "`nope` is undefined"),
        ("{{ params.zz.y }}", "`params.zz.y` is undefined"),
        ("{{ params.zz.y|default(1) + params.zz.x }}", "`params.zz.x` is undefined"),
        ("{{ steps['build-x'].output.zz }}", "`steps['build-x'].output.zz` is undefined"),
        ("{{ steps.none.output }}", "`steps.none.output` is undefined"),
        ("{{ params.n + 'x' }}", "unsupported types"),
        ("{{ 1 // 0 }}", "unable to calculate 1 // 0"),
        ("{{ params.n", "`{{` is not closed by `}}`"),
        ("{% if x %}", "end of block"),
        ("{{ 1 + }}", "syntax error"),
        ("{{ $ }}", "`$` is not expected"),
        ("{{ 'a'|shout }}", "unknown filter `shout`"),
        ("{{ 1 is nonsense }}", "unknown test `nonsense`"),
    ],
)
def test_what_is_wrong_is_said(template: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render(template, SCOPE)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "template",
    [
        "{{ params.pop('n') }}",
        "{{ params['pop']('n') }}",
        "{{ (params.pop)('n') }}",
        "{{ params.d.x.append(3) }}",
        "{{ params.s.format(1) }}",
        "{{ params.__class__ }}",
        "{{ params.pop }}",
        "{{ params['__class__'] }}",
        "{{ params|attr('__class__') }}",
        "{{ params|attr('pop') }}",
        "{{ [params]|map(attribute='pop')|list }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ debug() }}",
        "{{ namespace() }}",
        "{{ steps|map('debug')|list }}",
        "{% set x = 1 %}{{ x }}",
        "{% include '/etc/passwd' %}",
        "{% extends 'x' %}",
        "{% import 'x' as y %}",
        "{% macro f() %}{% endmacro %}{{ f() }}",
        "{% do params.pop('n') %}",
        "{% for k in params %}{{ params.pop(k) }}{% endfor %}",
        "{% set f = params.pop %}{{ f('n') }}",
        "{% for f in [params.pop] %}{{ f('n') }}{% endfor %}",
        "{{ range.__self__ }}",
    ],
)
def test_nothing_beyond_plain_data_is_reached(template: str) -> None:
    before = copy.deepcopy(SCOPE)
    with pytest.raises(ExpressionError):
        render(template, SCOPE)
    assert before == SCOPE


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(100000) %}x{% endfor %}",
        "{% for i in range(20000) %}{{ 'x' * 100000 }}{% endfor %}",
        "{{ 'x' * 1000000000000 }}",
        "{{ [0] * 1000000000000 }}",
        "{{ 'x'|indent(100000000000) }}",
        "{{ ['x']|map('indent', 100000000000)|list }}",
        "{{ '%100000000000d'|format(1) }}",
        "{{ [1]|batch(100000000000, 0) }}",
        "{{ [1]|map('batch', 100000000000, 0)|list }}",
        "{{ params|tojson(indent=100000000000) }}",
        "{{ range(1000000) }}",
        "{{ " + "'aaaaaaaaaa'" + "|replace('a', 'aaaaaaaaaa')" * 12 + " }}",
        "{{ range(1000)|join('x' * 100000) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ " + "-" * 100_000 + "1 }}",
        "{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
        "{{ " + "[" * 50_000 + "]" * 50_000 + " }}",
        "{{ 1" + "+1" * 100_000 + " }}",
        "{% if 1 %}" * 5_000,
        "{{" * 50_000,
        "{% for a in range(99999) %}" + "x" * 20_000 + "{% endfor %}",
    ],
    ids=lambda text: text[:30],
)
def test_a_template_cannot_exhaust_the_machine(template: str) -> None:
    with pytest.raises(ExpressionError):
        render(template, SCOPE)


def test_the_text_a_template_gives_is_limited() -> None:
    small = Renderer(max_output=10)
    assert small.render("{{ 'x' * 5 }}!", {}) == "xxxxx!"
    for template in ("{{ 'x' * 11 }}!", "{{ 'x' * 11 }}", "{{ [1] * 11 }}", "ab {{ '12345678' }}"):
        with pytest.raises(ExpressionError):
            small.render(template, {})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("params.n == 1", True),
        ("{{ params.n == 2 }}", False),
        ("  {{ vars.on }}\n", True),
        ("true", True),
        ("params.s in ['x'] or not vars.on", False),
        ("steps['build-x'].state == 'SUCCESS'", True),
        ("params.zz is not defined", True),
        ("'a' if params.n else 'b'", "a"),
        ("params.d.x|length > 1 and 1 in params.d.x", True),
    ],
)
def test_an_expression_is_evaluated_bare_or_in_braces(expression: str, value: object) -> None:
    assert evaluate(expression, SCOPE) == value


@pytest.mark.parametrize(
    "expression", ["", "{{ 1 }} {{ 2 }}", "1 }} {{ 2", "x {{ 1 }}", "{{ 1 }} x", "{% if 1 %}", "}}"]
)
def test_something_else_is_no_expression(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression, SCOPE)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ steps.build.output.x }}", {("steps", "build", "output", "x")}),
        ("{{ steps['build-x']['output'].k }}", {("steps", "build-x", "output", "k")}),
        ("{{ steps.build-x.output }}", {("steps", "build"), ("x", "output")}),
        ("{{ vars.list[0].name }}", {("vars", "list", "0", "name")}),
        ("{{ steps[params.i].output }}", {("steps", "*"), ("params", "i")}),
        ("{{ params.a if vars.b else secrets.C }}",
         {("params", "a"), ("vars", "b"), ("secrets", "C")}),
        ("{{ x|default(y)|join(sep) }}", {("x",), ("y",), ("sep",)}),
        ("{{ a is defined and b is not none }}", {("a",), ("b",)}),
        ("{% for i in vars.l if i %}{{ i.x }}{{ loop.index }}{% endfor %}", {("vars", "l")}),
        ("{% if a.b %}{{ c }}{% elif d %}{% endif %}", {("a", "b"), ("c",), ("d",)}),
        ("{{ 'steps.a' ~ \"vars.b\" }}", set()),
        ("{{ dict(a=b) }}", {("b",)}),
        ("{# {{ no }} #}{% raw %}{{ no }}{% endraw %}", set()),
        ("no template", set()),
    ],
)  # fmt: skip
def test_references_are_read_without_running_anything(
    text: str, found: set[tuple[str, ...]]
) -> None:
    assert references(text) == found


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("plain", False),
        ("{ {", False),
        ("a {{ b }}", True),
        ("{% if %}", True),
        ({"a": ["x", {"b": "{{ c }}"}]}, True),
        ({"{{ a }}": 1}, True),
        ([1, None, 2.5, True], False),
    ],
)
def test_a_template_is_noticed_at_any_depth(value: object, answer: bool) -> None:
    assert has_template(value) is answer


def test_a_live_view_of_steps_is_enough() -> None:
    class View(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            if key == "get":
                return {"output": {"k": 1}}
            raise KeyError(key)

        def __iter__(self) -> Iterator[str]:
            return iter(["get"])

        def __len__(self) -> int:
            return 1

    scope = {"steps": View()}
    assert render("{{ steps.get.output.k }}", scope) == 1
    assert render("{{ steps['ge' ~ 't'].output.k }}", scope) == 1
    assert render("{{ steps }}", scope) == {"get": {"output": {"k": 1}}}
    with pytest.raises(ExpressionError):
        render("{{ steps.keys.output }}", scope)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), object(), {"a": {1, 2}}, b"x"])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(ExpressionError):
        plain(value)


def test_data_nested_too_deeply_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100):
        value = [value]
    with pytest.raises(ExpressionError):
        plain(value)


def test_threads_evaluate_side_by_side() -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        found = [render("{{ n }}", {"n": number}) for _ in range(50)]
        wrong.extend(other for other in found if other != number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_syntax_is_checked_without_evaluating() -> None:
    check_syntax("{{ nothing.known|upper }}")
    with pytest.raises(TemplateSyntaxError):
        check_syntax("{{ a b }}")


def test_minijinja_is_loaded_by_the_first_template_only() -> None:
    program = (
        "import sys; from core.expression.evaluate import render; render({'a': ['x', 1]}, {}); "
        "before = 'minijinja' in sys.modules; render('{{ 1 }}', {}); "
        "print(before, 'minijinja' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


PIECES = st.sampled_from(
    ["{{", "}}", "{%", "%}", "{#", "#}", "{% raw %}", "{% endraw %}", "params", ".", "n", "d", "x",
     "|", "upper", "join", "(", ")", "[", "]", "{", "}", ":", ",", "'", '"', "\\", "1", "-", "+",
     "~", "*", "=", "==", "if", "else", "for", "in", "endfor", "endif", "is", "not", "defined",
     " ", "\n", "é", "\0", "range", "steps", "__class__", "pop"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=25).map(" ".join))
@example("{{ {% }} %}")
@example("{{ 'a")
@example("{% for %}{% endfor %}")
@example("{% for a in %}{% endfor %}")
def test_no_template_raises_anything_else_or_changes_the_scope(text: str) -> None:
    before = copy.deepcopy(SCOPE)
    for work in (render, evaluate):
        with suppress(ExpressionError):
            work(text, SCOPE)
    assert before == SCOPE


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_what_can_be_read_statically_says_so_or_raises(text: str) -> None:
    try:
        template = read_template(text)
    except TemplateSyntaxError:
        return
    assert template.references == references(text)
    if template.whole:
        assert as_template(text) == text.strip()


@pytest.mark.parametrize(
    ("text", "said"), [("true", True), (" False\n", False), ("0", False), ("yes", True)]
)
def test_the_filter_bool_takes_a_text_at_its_word(text: str, said: bool) -> None:
    assert evaluate("vars.x|bool", {"vars": {"x": text}}) is said
    with pytest.raises(ExpressionError, match="neither true nor false"):
        evaluate("vars.x|bool", {"vars": {"x": "perhaps"}})
    assert evaluate("[1]|bool and not []|bool", {}) is True


def test_a_variable_of_the_environment_that_is_no_text_is_an_error() -> None:
    for text in ("{{ env.x }}", "a {{ env.x }}"):
        with pytest.raises(ExpressionError, match=r"env\.x is not UTF-8 text"):
            render(text, {"env": {"x": "caf\udce9"}})
