"""The texts of `mission explain TOPIC`: keys of the mission file, step types, codes, templates."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from core.domain.reasons import Reason
from core.errors import NotFoundError
from core.explain.reason_text import REASON_TEXTS
from core.expression.template import FILTERS, FUNCTIONS, STATEMENTS, TESTS
from core.mission_file.finding.code import Code
from core.mission_file.finding.value_check import Key, suggest
from core.mission_file.keys.breaker_thresholds import BREAKER_KEYS
from core.mission_file.keys.config import CONFIG_KEYS
from core.mission_file.keys.defaults import DEFAULT_KEYS
from core.mission_file.keys.handler import HANDLER_KEYS
from core.mission_file.keys.limits_and_stop import LIMIT_KEYS, STOP_KEYS
from core.mission_file.keys.not_yet import LANGUAGE_TYPES
from core.mission_file.keys.param import PARAM_KEYS
from core.mission_file.keys.retry_policy import RETRY_KEYS, RETRY_ON_KEYS
from core.mission_file.keys.step.step_keys import STEP_KEYS
from core.mission_file.keys.top_level import MISSION_KEYS
from core.mission_file.shapes.concurrency_key import CONCURRENCY_KEYS
from core.mission_file.shapes.precondition_key import PRECONDITION_KEYS
from core.mission_file.shapes.repeat_key import REPEAT_KEYS
from core.mission_file.shapes.service_key import READY_KEYS
from core.mission_file.step_template import TEMPLATE_KEYS
from core.step_type.registry import normalise_type, step_type, step_type_names

if TYPE_CHECKING:  # pydantic is loaded when a step type is explained
    from pydantic import BaseModel

_WIDTH = 88

SECTIONS: Mapping[str, tuple[str, Mapping[str, Key]]] = {
    "mission": ("A mission file.", MISSION_KEYS),
    "params": ("One typed input of a mission, under `params.NAME`.", PARAM_KEYS),
    "config": ("How a mission is executed.", CONFIG_KEYS),
    "defaults": ("Values for steps that do not have their own.", DEFAULT_KEYS),
    "steps": ("One step, an item of `steps`.", STEP_KEYS),
    "step_templates": ("A template for steps, under `templates.NAME`.", TEMPLATE_KEYS),
    "preconditions": ("A script among `preconditions`.", PRECONDITION_KEYS),
    "concurrency": ("Which executions run one after another.", CONCURRENCY_KEYS),
    "repeat": ("How a step is repeated whose attempts succeed.", REPEAT_KEYS),
    "ready": ("When a service is ready.", READY_KEYS),
    "retry": ("When a failed attempt is followed by another.", RETRY_KEYS),
    "retry_on": ("Which failures are retried.", RETRY_ON_KEYS),
    "limits": ("What the processes of a step may use.", LIMIT_KEYS),
    "stop": ("How the processes of a step are ended.", STOP_KEYS),
    "breaker": ("When the circuit breaker stops new attempts.", BREAKER_KEYS),
    "handlers": ("Steps that run when a mission has ended.", HANDLER_KEYS),
}
_FOLLOWS = {
    "mission.preconditions": "preconditions",
    "mission.concurrency": "concurrency",
    "config.retry": "retry",
    "defaults.retry": "retry",
    "defaults.limits": "limits",
    "steps.retry": "retry",
    "steps.preconditions": "preconditions",
    "steps.repeat": "repeat",
    "steps.ready": "ready",
    "retry.retry_on": "retry_on",
    "config.limits": "limits",
    "steps.limits": "limits",
    "config.stop": "stop",
    "steps.stop": "stop",
    "config.breaker": "breaker",
}


def topics() -> list[str]:
    """Return every topic, in reading order."""
    keys = [f"{section}.{key}" for section, (_, known) in SECTIONS.items() for key in known]
    types = [f"step.{name}" for name in step_type_names()]
    codes = [*(reason.value for reason in Reason), *(code.value for code in Code)]
    return [*SECTIONS, "templates", "reasons", "codes", *keys, *types, *codes]


def explain(topic: str) -> str:
    """Return a few lines about a topic, ending in a line break.

    A topic is a section (`config`), a key (`config.fail_fast`, `steps.when`), a step type
    (`step.http`, or `http` alone), `templates`, `reasons` (the reason codes of states), `codes`
    (the codes of diagnostics), or one of these codes. Raises `NotFoundError` with the nearest topic
    as hint.
    """
    return "\n".join(_lines(topic.strip())) + "\n"


def _lines(topic: str) -> Iterator[str]:
    section, dot, rest = topic.partition(".")
    if topic in ("", "mission"):
        yield from _section("mission")
        yield ""
        further = [*list(SECTIONS)[1:], "templates", "reasons", "codes", "step.TYPE", "CODE"]
        yield from _wrapped("Further topics: " + ", ".join(further))
    elif section in ("step", "steps") and dot and rest.partition(".")[0] not in STEP_KEYS:
        yield from _step_type(rest)
    elif topic == "step" or topic in SECTIONS:
        yield from _section("steps" if topic == "step" else topic)
    elif topic == "templates":
        yield from _templates()
    elif topic == "reasons":
        yield from (f"{reason.value:<20} {text.phrase}" for reason, text in REASON_TEXTS.items())
    elif topic == "codes":
        yield from (f"{code.value:<22} {code.meaning}" for code in Code)
    elif topic in Reason.__members__ or (
        topic.upper() in Reason.__members__ and not _is_key(topic)
    ):
        yield from _reason(Reason[topic.upper()])
    elif topic.upper() in Code.__members__:
        code = Code[topic.upper()]
        yield from _wrapped(f"{code.value}: {code.meaning}")
    elif section == "step" or section in SECTIONS:
        yield from _key("steps" if section == "step" else section, rest)
    elif topic in step_type_names() and not _is_key(topic):
        yield from _step_type(topic)
    else:
        yield from _key(_section_of(topic), topic)


def _is_key(topic: str) -> bool:
    """Tell whether a section has a key of that name: `fail_fast` is one, FAIL_FAST a reason."""
    return any(topic in keys for _, keys in SECTIONS.values())


def _section_of(topic: str) -> str:
    """Return the first section that has a key of that name."""
    name = topic.partition(".")[0]
    for section, (_, keys) in SECTIONS.items():
        if name in keys:
            return section
    raise _unknown(topic)


def _section(name: str) -> Iterator[str]:
    title, keys = SECTIONS[name]
    yield title
    yield ""
    for owner in _owners(name):
        yield from _wrapped(f"{owner}.{name}: {SECTIONS[owner][1][name].doc}", rest="  ")
        yield ""
    for key, known in keys.items():
        mark = "*" if known.required else " "
        yield from _wrapped(known.doc, first=f"{mark} {key:<20} ", rest=" " * 23)
    if any(known.required for known in keys.values()):
        yield ""
        yield "* required"


def _owners(name: str) -> Iterator[str]:
    """Yield the sections with a key whose value the section `name` describes."""
    for section in ("mission", "config", "steps"):
        if _FOLLOWS.get(f"{section}.{name}") == name:
            yield section


def _key(section: str, name: str) -> Iterator[str]:
    head, _, rest = name.partition(".")
    keys = SECTIONS[section][1]
    if head not in keys:
        raise _unknown(f"{section}.{name}")
    follows = _FOLLOWS.get(f"{section}.{head}")
    if rest:
        within = follows or head
        if within not in SECTIONS or within == section:
            raise _unknown(f"{section}.{name}")
        yield from _key(within, rest)
        return
    key = keys[head]
    yield f"{head}: {_kind(key.schema)}{', required' if key.required else ''}"
    yield from _wrapped(key.doc)
    if key.default:
        yield f"Default: {key.default}"
    if key.example:
        yield from _wrapped(f"{head}: {key.example}", first="Example: ", rest=" " * 9)
    if follows:
        yield f"See also: {follows}"


def _kind(schema: Mapping[str, Any]) -> str:
    """Describe the kind of a value by its JSON Schema; that it may be null is left out."""
    if "anyOf" in schema:
        kinds_of = [_kind(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds_of))
    if "enum" in schema:
        return "one of " + ", ".join(str(choice) for choice in schema["enum"])
    if "oneOf" in schema:
        return "seconds, or text like 500ms, 90s, 1h30m"
    names = {
        "object": "mapping",
        "array": "list",
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
        "number": "number",
        "null": "nothing",
    }
    kinds = schema.get("type", "object")
    shown = [names[kind] for kind in (kinds if isinstance(kinds, list) else [kinds])]
    bounds = ""
    if "minimum" in schema and "maximum" in schema:
        bounds = f" from {schema['minimum']} to {schema['maximum']}"
    return " or ".join(shown) + bounds


def _step_type(written: str) -> Iterator[str]:
    name = normalise_type(written)
    kind = step_type(name)
    if kind is None:
        if name in LANGUAGE_TYPES:
            yield f"{name} is not supported yet."
            return
        raise _unknown(f"step.{written}")
    yield f"{name}: {kind.summary}"
    yield ""
    yield "Parameters"
    yield from _fields(kind.parameters, required=True)
    yield ""
    yield "Output"
    yield from _fields(kind.output, required=False)


def _fields(model: "type[BaseModel]", *, required: bool) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)
    fields: Mapping[str, Any] = schema.get("properties", {})
    if not fields:
        yield "  none"
        return
    wanted = schema.get("required", []) if required else []
    for name, field in fields.items():
        mark = "*" if name in wanted else " "
        text = str(field.get("description", ""))
        words = [str(word) for word in field.get("enum", ())]
        if not all(word in text for word in words):
            text += f": {', '.join(words)}"
        if required and name not in wanted and field.get("default") not in (None, "", [], {}):
            text += f" (default {field['default']})"
        yield from _wrapped(text, first=f"{mark} {name:<20} ", rest=" " * 23)
    if wanted:
        yield "* required"


def _reason(reason: Reason) -> Iterator[str]:
    text = REASON_TEXTS[reason]
    yield f"{reason.value}: {text.phrase}"
    yield ""
    yield from _wrapped(text.occurs, first="When:       ", rest=" " * 12)
    yield from _wrapped(text.action, first="What to do: ", rest=" " * 12)


def _templates() -> Iterator[str]:
    yield from _wrapped(
        "Templates are allowed in parameters, env, working_dir, artifacts, when, foreach and"
        " matrix. They are resolved just before an attempt starts. A value that is exactly one"
        " expression keeps its type; anything else becomes text."
    )
    yield ""
    for name, doc in (
        ("params.NAME", "an input of the mission"),
        ("vars.NAME", "a variable"),
        (
            "steps.ID.output.KEY",
            "the output of an upstream step; an id with - or . needs brackets:",
        ),
        ("", "steps['build-x'].output.stdout"),
        ("steps.ID.state", "how it ended, such as SUCCESS"),
        ("execution.id", "the id of the execution; also mission, started_at, actor"),
        ("timestamp", "the time at which the template is resolved"),
        ("item, index, matrix", "within a step with foreach or matrix"),
    ):
        yield f"  {name:<22} {doc}"
    yield ""
    for title, names in (
        ("Filters", FILTERS),
        ("Tests", TESTS),
        ("Functions", FUNCTIONS),
        ("Statements", STATEMENTS),
    ):
        yield from _wrapped(", ".join(sorted(names)), first=f"{title}: ", rest="  ")


def _wrapped(text: str, *, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    ) or [first.rstrip()]


def _unknown(topic: str) -> NotFoundError:
    hint = suggest(topic, topics()) or "`mission explain mission` lists the topics"
    return NotFoundError(f"there is no topic `{topic}`", hint=hint)
