"""The policies in force, and what they decide. Everything is read once; deciding does no I/O.

Cedar allows what some policy permits and none forbids. Two of its rules are unsafe here and are
changed: a policy whose condition fails is skipped (here: the request is denied), and text that is
wrong gives no decision (here: nothing is loaded, see `core.security.policy.policy_rule`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from core.errors import BugError
from core.machine.os_user import OsUser, os_user
from core.security.policy.policy_file import FolderContent, Layer
from core.security.policy.policy_mode import NO_SETTINGS, Mode, PolicySettings
from core.security.policy.policy_request import PolicyRequest
from core.security.policy.policy_rule import PolicyRule, cedar, read_rules, schema
from core.value.non_utf8 import escape_non_utf8

if TYPE_CHECKING:
    import cedarpy

PERMIT_ALL = "permit(principal, action, resource);"
"""The lowest policy, built in: without others everything is permitted."""

DEFAULT_DENY = "policy.default-deny"
"""The id of the rule that denies what no policy permits."""

EVALUATION_ERROR = "policy.error"
"""The id of the rule that denies where a policy cannot be evaluated."""

_POLICY_NUMBER = re.compile(r"^(?:policy|error while evaluating policy `policy)(\d+)")


class Decision(StrEnum):
    """What the policies say."""

    ALLOW = "allow"
    WARN = "warn"
    """It would be denied, if the policies that say so were enforced."""
    DENY = "deny"


class Verdict(Struct, frozen=True):
    """A decision, the ids of the rules that deny, where they stand, and a sentence."""

    decision: Decision
    rules: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    sentence: str = ""

    @property
    def is_allowed(self) -> bool:
        """Tell whether no policy denies the request, not even one that only warns."""
        return self.decision is Decision.ALLOW

    @property
    def is_denied(self) -> bool:
        """Tell whether the request is denied."""
        return self.decision is Decision.DENY

    @property
    def hint(self) -> str:
        """What to do about a denial."""
        return (
            "`mission policy show` lists the policies in force; whoever owns"
            f" {self.places[0].rpartition(':')[0] if self.places else 'them'} can change them"
        )

    def facts(self, request: PolicyRequest) -> dict[str, Any]:
        """Return what the audit log tells of the verdict on a request."""
        return {
            "action": request.action,
            "rule": self.rules[0] if self.rules else "",
            "rules": list(self.rules),
            "places": list(self.places),
            "message": self.sentence,
        }


ALLOW = Verdict(Decision.ALLOW)


class Policies:
    """All policies of one mission, parsed, with what the settings say of them."""

    def __init__(
        self,
        contents: Sequence[FolderContent] = (),
        settings: PolicySettings = NO_SETTINGS,
        user: OsUser | None = None,
    ) -> None:
        self.contents = tuple(contents)
        self.settings = settings
        self.rules = tuple(
            rule for content in contents for file in content.files for rule in read_rules(file)
        )
        self.is_empty = not self.rules and not settings.system.default_deny
        """Whether there is nothing to ask: everything is allowed."""
        self.user = user
        if not self.is_empty:
            self.user = user or os_user()
            self._enforced = self._set(Mode.ENFORCE)
            self._warned = self._set(Mode.WARN)
            self._entities: dict[str, cedarpy.Entities] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that hold the folders of policies: no file step may write to them."""
        return tuple(content.folder.path.parent for content in self.contents)

    @property
    def hashes(self) -> Mapping[str, str]:
        """The SHA-256 (hex) of each policy file, and of settings of policies, by its path."""
        files = [file for content in self.contents for file in content.files]
        tables = (self.settings.system, self.settings.home)
        return {
            **{str(file.path): file.sha256 for file in files},
            **{table.path: table.sha256 for table in tables if table.path},
        }

    def decide(self, request: PolicyRequest) -> Verdict:
        """Return what the policies say; a request or policy that fails to evaluate is denied."""
        if self.is_empty:
            return ALLOW
        verdict = self._enforced.decide(self, request, Decision.DENY)
        if verdict is not ALLOW:
            return verdict
        return self._warned.decide(self, request, Decision.WARN)

    def entities(self, mission: str) -> "cedarpy.Entities":
        """Return the user with the user's groups, and a mission of that name, as Cedar has them."""
        found = self._entities.get(mission)
        if found is None:
            found = self._entities[mission] = _entities(self._user(), mission)
        return found

    def principal(self) -> dict[str, str]:
        """Return who acts, as Cedar has it."""
        return {"type": "User", "id": escape_non_utf8(self._user().full_name)}

    def _user(self) -> OsUser:
        if self.user is None:
            raise BugError("policies that are asked have no user")
        return self.user

    def _set(self, mode: Mode) -> "_RuleSet":
        rules = [rule for rule in self.rules if self.settings.mode(rule.layer) is mode]
        denies = self.settings.system.default_deny and self.settings.mode(Layer.SYSTEM) is mode
        return _RuleSet(rules, permits_all=not denies)


class _RuleSet:
    """Rules of one mode as Cedar has them parsed."""

    def __init__(self, rules: Sequence[PolicyRule], *, permits_all: bool) -> None:
        self._rules: list[PolicyRule | None] = [None] if permits_all else []
        self._rules += rules
        self._allows_everything = permits_all and not rules
        texts = [PERMIT_ALL if rule is None else rule.text for rule in self._rules]
        self._parsed = cedar().PolicySet.from_str("\n".join(texts))
        if len(self._parsed) != len(self._rules):
            raise BugError(f"{len(self._rules)} policies became {len(self._parsed)}")

    def decide(self, policies: Policies, request: PolicyRequest, denied: Decision) -> Verdict:
        """Return `ALLOW`, or a verdict with the decision `denied`."""
        if self._allows_everything:
            return ALLOW
        result = cedar().is_authorized(
            {
                "principal": policies.principal(),
                "action": {"type": "Action", "id": request.action},
                "resource": {"type": "Mission", "id": escape_non_utf8(request.mission)},
                "context": _utf8(request.context),
            },
            self._parsed,
            policies.entities(request.mission),
            schema(),
        )
        errors = result.diagnostics.errors
        if errors:
            return self._failed(errors, denied)
        if result.allowed:
            return ALLOW
        rules = sorted(self._rule(reason) for reason in result.diagnostics.reasons)
        found = [rule for number in rules if (rule := self._rules[number]) is not None]
        if not found:
            return Verdict(
                denied, (DEFAULT_DENY,), (), "no policy permits it, and default_deny is set"
            )
        named = dict.fromkeys(_named(rule) for rule in found)
        many = len(named) > 1
        return Verdict(
            denied,
            tuple(dict.fromkeys(rule.id for rule in found)),
            tuple(dict.fromkeys(rule.place for rule in found)),
            f"the {'policies' if many else 'policy'} {', '.join(named)}"
            f" {'forbid' if many else 'forbids'} it",
        )

    def _failed(self, errors: Sequence[str], denied: Decision) -> Verdict:
        """Return the denial for policies, or a request, that cannot be evaluated."""
        rules, why = [], []
        for error in errors:
            match = _POLICY_NUMBER.match(error)
            rule = None if match is None else self._rules[int(match[1])]
            if rule is None:
                why.append(error)
            else:
                rules.append(rule)
                why.append(f"the policy {_named(rule)}: {error.partition('`: ')[2] or error}")
        return Verdict(
            denied,
            (EVALUATION_ERROR, *(rule.id for rule in rules)),
            tuple(rule.place for rule in rules),
            f"it cannot be decided, which denies it: {'; '.join(why)}",
        )

    def _rule(self, reason: str) -> int:
        match = _POLICY_NUMBER.match(reason)
        if match is None:
            raise BugError(f"no policy has the number of {reason}")
        return int(match[1])


NO_POLICIES = Policies()


def _named(rule: PolicyRule) -> str:
    return f"`{rule.id}`" if rule.id == rule.place else f"`{rule.id}` ({rule.place})"


def _entities(user: OsUser, mission: str) -> "cedarpy.Entities":
    groups = [{"type": "Group", "id": escape_non_utf8(name)} for name in user.groups]
    name, mission = escape_non_utf8(user.full_name), escape_non_utf8(mission)
    found: list[dict[str, Any]] = [
        {
            "uid": {"type": "User", "id": name},
            "attrs": {"name": escape_non_utf8(user.name), "host": escape_non_utf8(user.host)},
            "parents": groups,
        },
        {"uid": {"type": "Mission", "id": mission}, "attrs": {"name": mission}, "parents": []},
        *({"uid": group, "attrs": {}, "parents": []} for group in groups),
    ]
    entities: cedarpy.Entities = cedar().Entities.from_json_str(json.dumps(found), schema())
    return entities


def _utf8(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return a context without lone surrogates, which stand for bytes that are not UTF-8."""
    return {
        name: escape_non_utf8(value)
        if isinstance(value, str)
        else [escape_non_utf8(one) for one in value]
        if isinstance(value, list)
        else value
        for name, value in context.items()
    }
