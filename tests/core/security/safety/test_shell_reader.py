"""Reading shell text: what would destroy a system is found in every disguise, nothing else is."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.security.safety.danger_filter import may_be_dangerous
from core.security.safety.shell.dangerous_place import Places
from core.security.safety.shell.shell_reader import ShellReader
from tests.support.shell_texts import HARMLESS, REFUSED

PLACES = Places(home="/home/bob", mounts=frozenset({"/mnt/data", "/boot/efi"}))
ENVIRONMENT = {"HOME": "/home/bob", "T2": "/"}
TEXTS = [(rule, text) for rule, texts in REFUSED.items() for text in texts]
PIECES = [
    *("rm", "-rf", "/", " ", '"', "'", "$", "${", "}", "$(", ")", "(", "`", "|", "&", "&&", "||"),
    *(";", "\n", "<<EOF", "EOF", ">", "<", "<<<", "for", "in", "do", "done", "if", "then", "fi"),
    *("case", "esac", "f()", "{", "X=", "~", "*", "\\", "echo", "sh", "-c", "eval", "xargs", "#"),
    *("find", "-exec", "\\;", "sudo", "env", "[[", "]]", "((", "))", "!", "\ue000", "é", "\0"),
    *("%s", "printf", "while", "function", "base64", "-d", "read", "set", "--", "$@", "${X:-"),
    *("${!X}", "${#", "{a,b}", "/dev/sda", "=(", "|&", ">(", "<(", "$'\\x72m'", "X+=", "cd"),
]
QUOTINGS = (
    str,
    shlex.quote,
    lambda text: f'"{text}"',
    lambda text: f"'{text}'",
    lambda text: "".join(f"\\{one}" for one in text),
    lambda text: "".join(f"'{one}'" for one in text),
    lambda text: "$'" + "".join(f"\\x{ord(one):02x}" for one in text) + "'",
    lambda text: "$'" + "".join(f"\\{ord(one):03o}" for one in text) + "'",
    lambda text: f'{text[:1]}""{text[1:]}',
    lambda text: f"{text[:1]}\\\n{text[1:]}",
    lambda text: f"${{none:-{text}}}",
    lambda text: f"$(printf %s '{text}')",
    lambda text: f"`echo {text}`",
)


def rules_found(text: str) -> list[str]:
    reader = ShellReader(PLACES, ENVIRONMENT.get, "/srv/app")
    reader.read(text)
    return [finding.id for finding in reader.findings]


@pytest.mark.parametrize(("rule", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_a_destructive_text_is_found_and_never_filtered_out(rule: str, text: str) -> None:
    assert rule in rules_found(text)
    assert may_be_dangerous(f"{text}\n{ENVIRONMENT['T2']}")


@pytest.mark.parametrize("text", HARMLESS)
def test_a_harmless_text_is_not_refused(text: str) -> None:
    assert rules_found(text) == []


@pytest.mark.parametrize(
    "text", ["echo hello", "make -j4 test", 'pytest "$DIR/tests" > out.log 2>&1', "cat /dev/null"]
)
def test_a_text_without_anything_to_refuse_is_not_even_parsed(text: str) -> None:
    assert not may_be_dangerous(text)


words = st.lists(st.sampled_from(QUOTINGS), min_size=3, max_size=3)


@given(words, st.sampled_from(("/", "/*", "/usr/..", "//", "/etc", "/home/bob")))
def test_quoting_changes_nothing(quotings: list[object], target: str) -> None:
    program, option, place = quotings
    assert callable(program)
    assert callable(option)
    assert callable(place)
    shown = target if target.endswith("*") else place(target)
    text = f"{program('rm')} {option('-rf')} {shown}\n"
    assert rules_found(text) == ["safety.rm-root"], text
    assert may_be_dangerous(text), text


@given(st.lists(st.sampled_from(QUOTINGS), min_size=2, max_size=2), st.integers(1, 4))
def test_shells_within_shells_hide_nothing(quotings: list[object], depth: int) -> None:
    quote, _ = quotings
    assert callable(quote)
    text = f"{quote('rm')} -rf /"
    for _ in range(depth):
        text = f"sh -c {shlex.quote(text)}"
    assert rules_found(text) == ["safety.rm-root"], text
    assert may_be_dangerous(text)


@given(st.lists(st.sampled_from(PIECES) | st.just(" "), max_size=40).map("".join))
def test_no_text_whatever_makes_it_fail_or_is_hidden_by_the_filter(text: str) -> None:
    if rules_found(text):
        assert may_be_dangerous(text)


@given(
    st.sampled_from([text for _, text in TEXTS] + list(HARMLESS)),
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["", *PIECES])), max_size=5),
)
def test_no_change_of_a_text_makes_it_fail_or_is_hidden_by_the_filter(
    text: str, changes: list[tuple[int, str]]
) -> None:
    for index, piece in changes:
        place = index % (len(text) + 1)
        text = text[:place] + piece + text[place + (not piece) :]
    if rules_found(text):
        assert may_be_dangerous(f"{text}\n/")


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    rules_found(text)


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 5000, "$(" * 2000, "{" * 3000, "if " * 2000, '"$(' * 1000, "`" * 2000),
        *("f(){ " * 1000 + "f", "xargs " * 3000 + "rm -rf /", "a|" * 5000 + "sh"),
        *("X=aa;" + 'X="$X$X";' * 60, "x=" + "{a,b}" * 30, "eval " * 3000 + "x"),
    ],
    ids=lambda text: text[:6],
)
def test_a_text_that_is_deep_or_grows_ends(text: str) -> None:
    rules_found(text)


def test_wrappers_around_wrappers_hide_nothing() -> None:
    assert rules_found("sudo " * 500 + "rm -rf /") == ["safety.rm-root"]


def test_a_condition_does_not_hide_a_value() -> None:
    text = "D=/tmp/x\nif true; then D=/; fi\nrm -rf $D"
    assert rules_found(text) == ["safety.rm-root"]


def test_a_subshell_comes_back_to_its_folder() -> None:
    assert rules_found("(cd /; ls); rm -rf *") == []
    assert rules_found("bash -c 'cd /'; rm -rf *") == []
    assert rules_found("cd /; (cd /tmp); rm -rf *") == ["safety.rm-root"]
