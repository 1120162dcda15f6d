"""What all filters share: words and `field:value` terms, joined by *and*.

`-` or `!` in front turns a term around; a value may be a list: `state:failed,running`.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_COMPARED = re.compile(r"([a-z]+)(>=|<=|>|<|=)(.*)", re.DOTALL)
_FIELD = re.compile(r"([a-z]+):(.*)", re.DOTALL)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `field` and `sign` are empty for a word that is looked for in a text."""

    value: str
    field: str = ""
    sign: str = ""
    wanted: bool = True
    """False where `-` or `!` stands in front."""

    @property
    def values(self) -> tuple[str, ...]:
        """The parts of a list."""
        return tuple(part for part in self.value.split(",") if part)


def parse_terms(
    text: str, fields: Mapping[str, str], measures: Collection[str] = ()
) -> tuple[list[Term], list[str]]:
    """Return the terms of a filter, in lower case, and a sentence for each that is not understood.

    `fields` maps what may stand before a colon to the field that is meant, `measures` are what may
    be compared. A word with a colon after something else than letters, as `12:30`, is a word.
    """
    terms: list[Term] = []
    problems: list[str] = []
    for word in text.lower().split():
        wanted = len(word) == 1 or word[0] not in "-!"
        plain = word if wanted else word[1:]
        if (found := _COMPARED.fullmatch(plain)) is not None:
            field, sign, value = found.groups()
            if field not in measures:
                problems.append(_unknown(f"{field}{sign}", [f"{one}>" for one in measures]))
            elif _DURATION.fullmatch(value) is None:
                problems.append(f"{field}{sign} needs a number, as in {_EXAMPLES[field]}")
            else:
                terms.append(Term(value, field, sign, wanted))
        elif (found := _FIELD.fullmatch(plain)) is not None and not found[2].startswith("//"):
            field, value = found.groups()
            if field not in fields:
                known = [f"{one}:" for one in fields if len(one) > 1]
                problems.append(_unknown(f"{field}:", known))
            elif value:
                terms.append(Term(value, fields[field], ":", wanted))
            else:
                problems.append(f"{field}: needs a value")
        else:
            terms.append(Term(plain, wanted=wanted))
    return terms, problems


def seconds_of(value: str) -> float:
    """Return the number of a comparison, a duration in seconds. ValueError for what is none."""
    found = _DURATION.fullmatch(value)
    if found is None:
        raise ValueError(value)
    return float(found[1]) * _UNITS[found[2]]


def is_compared(value: float, sign: str, limit: float) -> bool:
    """Tell whether `value sign limit` holds."""
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
    """Return the sentence about a word that is none of these."""
    return f"{word} is none of {', '.join(names)}"


_EXAMPLES = {"dur": "dur>30s", "try": "try>1", "attempt": "attempt>1"}


def _unknown(word: str, known: Collection[str]) -> str:
    return f"{word} is not known here; known are {' '.join(known) or 'words'}"
