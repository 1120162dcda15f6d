"""The syntax that all filters share: words and `field:value` terms, joined by *and*.

A leading `-` or `!` negates a term; a value may be a list: `state:failed,running`. A value with
spaces stands in quotes: `label:owner="data team"`.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_COMPARED = re.compile(r"([a-z]+)(>=|<=|>|<|=)(.*)", re.DOTALL)
_FIELD = re.compile(r"([A-Za-z]+):(.*)", re.DOTALL)
_WORD = re.compile(r'(?:(?<=[:=])"[^"]*(?:"|$)|\S)+')
"""A word; a quote groups only where a value begins, and is a letter like any other elsewhere."""
_QUOTED = re.compile(r'(^|=)"([^"]*)"?$')
_OPERATORS = "=!<>&|"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `field` and `sign` are empty for a plain word, which is searched in texts."""

    value: str
    field: str = ""
    sign: str = ""
    wanted: bool = True
    """False if the term is negated."""

    @property
    def values(self) -> tuple[str, ...]:
        """The values of a comma-separated list."""
        return tuple(part for part in self.value.split(",") if part)


def parse_terms(
    text: str,
    fields: Mapping[str, str],
    measures: Collection[str] = (),
    *,
    exact: Collection[str] = (),
) -> tuple[list[Term], list[str]]:
    """Parse a filter, in lower case; return its terms, and a problem for each invalid one.

    `fields` maps the names allowed before a colon to fields; `measures` are the names that may be
    compared; the values of the fields `exact` keep their case. Only letters before a colon make a
    field: `12:30` is a plain word. Operators of expressions, such as `==`, are no words.
    """
    terms: list[Term] = []
    problems: list[str] = []
    for word in _WORD.findall(text):
        wanted = len(word) == 1 or word[0] not in "-!"
        given = word if wanted else word[1:]
        plain = given.lower()
        if (found := _COMPARED.fullmatch(plain)) is not None:
            field, sign, value = found.groups()
            if field not in measures and field in fields:
                problems.append(f"{field}{sign} is not known here; write {field}:")
            elif field not in measures and sign == "=" and "label" in fields:
                problems.append(f"{field}= is not known here; of a label, write label:{given}")
            elif field not in measures:
                problems.append(_unknown(f"{field}{sign}", [f"{one}>" for one in measures]))
            elif _DURATION.fullmatch(value) is None:
                problems.append(f"{field}{sign} needs a number, as in {_EXAMPLES[field]}")
            else:
                terms.append(Term(value, field, sign, wanted))
        elif (found := _FIELD.fullmatch(given)) is not None and not found[2].startswith("//"):
            field, value = found[1].lower(), _QUOTED.sub(r"\1\2", found[2])
            value = value if fields.get(field) in exact else value.lower()
            if field not in fields:
                known = [f"{one}:" for one in fields if len(one) > 1]
                problems.append(_unknown(f"{field}:", known))
            elif value:
                terms.append(Term(value, fields[field], ":", wanted))
            else:
                problems.append(f"{field}: needs a value")
        elif word != "!" and not word.strip(_OPERATORS):
            problems.append(f"{word} is no term; a field and its value are joined by a colon")
        else:
            terms.append(Term(plain, wanted=wanted))
    return terms, problems


def seconds_of(value: str) -> float:
    """Parse the value of a comparison; durations become seconds. Raises ValueError."""
    found = _DURATION.fullmatch(value)
    if found is None:
        raise ValueError(value)
    return float(found[1]) * _UNITS[found[2]]


def is_compared(value: float, sign: str, limit: float) -> bool:
    """Tell whether the comparison `value sign limit` is true."""
    match sign:
        case ">":
            return value > limit
        case ">=":
            return value >= limit
        case "<":
            return value < limit
        case "<=":
            return value <= limit
        case _:
            return value == limit


def one_of(word: str, names: Collection[str]) -> str:
    """Return the problem of a value that is none of the allowed ones."""
    return f"{word} is none of {', '.join(names)}"


_EXAMPLES = {"dur": "dur>30s", "try": "try>1", "attempt": "attempt>1"}


def _unknown(word: str, known: Collection[str]) -> str:
    return f"{word} is not known here; known are {' '.join(known) or 'words'}"
