"""Policies as they are read: what is wrong is named with file and line."""

from pathlib import Path

import pytest

from core.errors import PolicyFileError
from core.security.policy.policy_file import Layer, PolicyFile
from core.security.policy.policy_rule import PolicyRule, read_rules

FORBID = "forbid(principal, action, resource);"


def rules(text: str, layer: Layer = Layer.SYSTEM) -> list[PolicyRule]:
    return read_rules(PolicyFile(layer, Path("/p/x.cedar"), text, ""))


def attempt(condition: str) -> str:
    return (
        'forbid(principal, action == Action::"attempt", resource)\nwhen {\n' + condition + "\n};\n"
    )


def test_a_rule_is_named_by_its_id_else_by_its_place() -> None:
    found = rules(f'// first\n@id("no")\n{FORBID}\n\n{FORBID}')
    assert [(one.id, one.place) for one in found] == [
        ("no", "/p/x.cedar:2"),
        ("/p/x.cedar:5", "/p/x.cedar:5"),
    ]


def test_an_empty_file_has_no_rules() -> None:
    assert rules("") == rules("\n// nothing yet\n") == []


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("\nforbit(principal, action, resource);", 2, "forbit"),
        ("\n\nforbid(principal,\n action\n resource);", 5, "unexpected token `resource`"),
        (attempt("context.step == "), 4, "unexpected token"),
        (f"{FORBID}\n;", 2, "unexpected token `;`"),
        (f"{FORBID}\nforbid(principal,\naction, resource)", 3, "unexpected end of input"),
        ('\n\nforbid(principal, action, resource) when { "a };', 3, "invalid token"),
        (f'@id("a")\n@id("b")\n{FORBID}', 1, "duplicate annotation"),
        (attempt("true || something"), 1, "something"),
        ("forbid(principal == ?principal, action, resource);", 1, "template"),
        ('\nforbid(principal, action == Action::"atempt", resource);', 2, "atempt"),
        (attempt("context.hots == 1"), 1, "hots"),
        (attempt('context.port == "80"'), 1, "not compatible"),
        (attempt('ip(context.host) == ip("::1")'), 1, "extension"),
        ('forbid(principal in Grup::"ops", action, resource);', 1, "Grup"),
        ("\x00", 1, "invalid token"),
        (attempt("(" * 5000 + "true" + ")" * 5000), 3, "nested"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(text: str, line: int, what: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        rules(text)
    assert caught.value.exit_code == 5
    assert f"/p/x.cedar:{line}: " in caught.value.message
    assert what in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("layer", [Layer.HOME, Layer.PROJECT])
@pytest.mark.parametrize(
    "text",
    ["permit(principal, action, resource);", '@id("a") permit (principal, action, resource);'],
)
def test_a_lower_layer_may_only_forbid(layer: Layer, text: str) -> None:
    assert rules(text)
    assert rules(FORBID, layer)
    with pytest.raises(PolicyFileError, match=f"/p/x.cedar:2: `permit` .* {layer} layer"):
        rules("\n" + text, layer)


def test_what_stands_behind_a_comment_is_not_hidden_by_a_carriage_return() -> None:
    with pytest.raises(PolicyFileError, match="permit"):
        rules("// harmless\rpermit(principal, action, resource);", Layer.HOME)


def test_a_long_condition_is_read() -> None:
    many = " || ".join(f'context.args.contains("{number}")' for number in range(2000))
    assert len(rules(attempt(many))) == 1
