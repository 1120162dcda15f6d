"""Reads a request to policies from a JSON file: what is asked, and for whom."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.errors import UsageError
from core.machine.os_user import OsUser
from core.security.policy import policy_request
from core.security.policy.policies import Policies, Verdict
from core.security.policy.policy_request import PolicyRequest
from core.value.suggestion import did_you_mean

MAX_BYTES = 1024 * 1024
KEYS = ("action", "mission", "context", "user", "groups")

_EMPTY = {
    one.action: one.context
    for one in (
        policy_request.launch_request("", mission_sha256=""),
        policy_request.attempt_request("", mission_sha256="", step="", step_type=""),
        policy_request.secret_request("", mission_sha256="", secret="", step="", step_type=""),
        policy_request.answer_request("", mission_sha256="", step="", answer="approve"),
        policy_request.retry_request("", mission_sha256="", steps=()),
        policy_request.cancel_request("", mission_sha256=""),
    )
}
"""The context of each action with nothing in it."""


class AskedRequest(Struct, frozen=True):
    """A request, and the user who asks; None is the one of this process."""

    request: PolicyRequest
    user: OsUser | None

    def verdict(self, policies: Policies) -> Verdict:
        """Return what policies say of it."""
        if self.user is not None:
            policies = Policies(policies.contents, policies.settings, self.user)
        return policies.decide(self.request)


def read_request(name: str) -> AskedRequest | None:
    """Return the request of a JSON file, None for a file that holds something else.

    Raises `UsageError` for a request that is not one.
    """
    if not name.endswith(".json"):
        return None
    try:
        with Path(name).open("rb") as file:
            value = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None  # it is read as a mission, which says what is wrong
    if not isinstance(value, dict) or "action" not in value:
        return None
    return _request(name, value)


def _request(name: str, value: Mapping[str, Any]) -> AskedRequest:
    unknown = next((key for key in value if key not in KEYS), None)
    if unknown is not None:
        raise UsageError(
            f"{name}: a request has no `{unknown}`",
            hint=did_you_mean(unknown, KEYS) or f"its keys: {', '.join(KEYS)}",
        )
    action, mission, context = value["action"], value.get("mission", ""), value.get("context", {})
    if action not in list(_EMPTY):
        raise UsageError(f"{name}: the action is one of {', '.join(_EMPTY)}")
    if not isinstance(mission, str) or not isinstance(context, dict):
        raise UsageError(f"{name}: `mission` is a text and `context` an object")
    fields = _EMPTY[action]
    for key in context:
        if key not in fields:
            raise UsageError(
                f"{name}: the context of `{action}` has no `{key}`",
                hint=did_you_mean(key, fields) or f"its fields: {', '.join(fields)}",
            )
    return AskedRequest(PolicyRequest(action, mission, {**fields, **context}), _user(name, value))


def _user(name: str, value: Mapping[str, Any]) -> OsUser | None:
    user, groups = value.get("user"), value.get("groups", [])
    if not isinstance(groups, list) or not all(isinstance(one, str) for one in groups):
        raise UsageError(f"{name}: `groups` is a list of texts")
    if user is None:
        if groups:
            raise UsageError(f"{name}: `groups` are those of a `user`, which is missing")
        return None
    if not isinstance(user, str) or not all(user.partition("@")):
        raise UsageError(f"{name}: `user` is NAME@HOST")
    account, _, host = user.partition("@")
    return OsUser(account, host, tuple(groups))
