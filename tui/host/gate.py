"""Composes the gate before each attempt from the settings that may loosen it.

Those are the administrator's and the user's own files. No project file, environment variable, flag
or mission can: whoever writes one of those is who the gate is for.
"""

import os
import stat
from pathlib import Path
from typing import Any

from core.errors import UnavailableError, UsageError
from core.security.attempt_gate import AttemptGate, Gates
from core.security.policy.policies import Policies
from core.security.policy.policy_gate import PolicyGate
from core.security.safety.finding import RULES, SECTION
from core.security.safety.safety_gate import SafetyGate
from core.value.suggestion import did_you_mean
from tui.host.places import CONFIG, SYSTEM_FOLDER, Paths


def new_gate(paths: Paths, policies: Policies, system_folder: Path = SYSTEM_FOLDER) -> AttemptGate:
    """Return the gate: safety first, so that policies can ask what safety found.

    Raises `UsageError` or `UnavailableError` for settings that cannot be used.
    """
    safety = SafetyGate(allowed_findings(paths, system_folder))
    return Gates((safety,) if policies.is_empty else (safety, PolicyGate(policies)))


def allowed_findings(paths: Paths, system_folder: Path = SYSTEM_FOLDER) -> frozenset[str]:
    """Return the ids of safety's rules that the settings lift.

    What the administrator's file says of safety replaces what the user's says. Raises `UsageError`
    for a file that is not valid, `UnavailableError` for one that others could have written.
    """
    for path in (system_folder / CONFIG, paths.config):
        allowed = _allowed_in(path)
        if allowed is not None:
            return allowed
    return frozenset()


def _allowed_in(path: Path) -> frozenset[str] | None:
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if SECTION.encode() not in content:
        return None
    import tomllib

    try:
        table = tomllib.loads(content.decode("utf-8")).get(SECTION)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    if table is None:
        return None
    allowed = check_safety(table, str(path))
    if about.st_uid not in {0, os.geteuid()} or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UnavailableError(
            f"{path} loosens safety, and others than you can write it",
            hint=f"chmod go-w {path}",
        )
    return allowed


def check_safety(value: Any, origin: str) -> frozenset[str]:
    """Return the rules that a `[safety]` table allows; raise `UsageError` for what is none."""
    if not isinstance(value, dict) or set(value) - {"allow"}:
        raise UsageError(f"{origin}: [{SECTION}] is a table with the key `allow`")
    allow = value.get("allow", [])
    if not isinstance(allow, list) or not all(isinstance(one, str) for one in allow):
        raise UsageError(f"{origin}: {SECTION}.allow is a list of ids of rules")
    for rule in allow:
        if rule not in RULES:
            raise UsageError(
                f"{origin}: {SECTION}.allow: there is no rule {rule!r}",
                hint=did_you_mean(rule, RULES) or f"the rules: {', '.join(RULES)}",
            )
    return frozenset(allow)
