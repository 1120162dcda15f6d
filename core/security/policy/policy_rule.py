"""The policies of one file as rules: parsed, checked against the schema, with their places."""

from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING

from msgspec import Struct

from core.errors import PolicyFileError, UnavailableError
from core.security.policy.cedar_statement import Statement, error_line, split
from core.security.policy.policy_file import Layer, PolicyFile

if TYPE_CHECKING:
    import cedarpy

SCHEMA_FILE = "missiondeck.cedarschema"


class PolicyRule(Struct, frozen=True):
    """One policy: its id (that of `@id`, else its place), layer, place, effect and text."""

    id: str
    layer: Layer
    path: str
    line: int
    effect: str
    text: str

    @property
    def place(self) -> str:
        """Where it stands: `FILE:LINE`."""
        return f"{self.path}:{self.line}"


def read_rules(file: PolicyFile) -> list[PolicyRule]:
    """Return the policies of a file in order.

    Raises `PolicyFileError` with file and line for what cannot be parsed, does not fit the schema,
    is a template, or permits in a layer that may only forbid.
    """
    try:
        statements = split(file.text)
    except PolicyFileError as error:
        raise _at(file, error.message) from error
    return [_rule(file, statement) for statement in statements]


def schema_text() -> str:
    """Return the Cedar schema that policies are checked against."""
    from importlib import resources  # slow to import, and rarely needed

    return resources.files(__package__).joinpath(SCHEMA_FILE).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def schema() -> "cedarpy.Schema":
    """Return the parsed schema."""
    parsed: cedarpy.Schema = cedar().Schema.from_str(schema_text())
    return parsed


def cedar() -> ModuleType:
    """Return the package `cedarpy`, which is loaded only where there is a policy."""
    try:
        import cedarpy
    except ImportError as error:
        raise UnavailableError(
            f"there are policies, and the package `cedarpy` cannot be loaded: {error}",
            hint="pip install cedarpy; nothing is started without it",
        ) from error
    return cedarpy


def _rule(file: PolicyFile, statement: Statement) -> PolicyRule:
    parse = cedar().PolicySet.from_str
    try:
        parsed = parse(statement.text)
    except ValueError as error:
        line = error_line(statement, str(error), parse)
        raise _at(file, f"{line}: {error}") from error
    if parsed.templates() or len(parsed) != 1:
        raise _at(
            file,
            f"{statement.line}: a template authorizes nothing",
            hint="name the principal and the resource instead of `?principal` and `?resource`",
        )
    effect = statement.effect
    if effect != "forbid" and file.layer is not Layer.SYSTEM:
        raise _at(
            file,
            f"{statement.line}: `permit` stands in a policy of the {file.layer} layer, which may"
            " only forbid",
            hint="everything is permitted that no policy forbids; only policies of the machine's"
            " administrator may permit",
        )
    try:
        name = statement.identifier
    except PolicyFileError as error:
        raise _at(file, f"{statement.line}: {error.message}") from error
    checked = cedar().validate_policies(statement.text, schema())
    if not checked.validation_passed:
        why = "; ".join(one.error.removeprefix("for policy `policy0`, ") for one in checked.errors)
        raise _at(
            file,
            f"{statement.line}: {why}",
            hint="`mission policy show --schema` prints what policies can say",
        )
    place = f"{file.path}:{statement.line}"
    return PolicyRule(
        name or place, file.layer, str(file.path), statement.line, effect, statement.text
    )


def _at(file: PolicyFile, what: str, *, hint: str | None = None) -> PolicyFileError:
    return PolicyFileError(f"policy {file.path}:{what}", hint=hint or "nothing is started")
