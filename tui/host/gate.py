"""Composes the gate before each attempt from the settings that may loosen it.

Those are the administrator's and the user's own files. No project file, environment variable, flag
or mission can: whoever writes one of those is who the gate is for.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import UsageError
from core.machine.mount_points import mount_points
from core.security.attempt_gate import AttemptGate, Gates
from core.security.policy.policies import Policies
from core.security.policy.policy_gate import PolicyGate
from core.security.safety.finding import RULES, SECTION
from core.security.safety.safety_gate import SafetyGate
from core.security.safety.shell.dangerous_place import Places
from core.value.suggestion import did_you_mean
from tui.host.places import CONFIG, SYSTEM_FOLDER, Paths
from tui.host.security.settings_table import read_table


def new_gate(
    paths: Paths,
    policies: Policies,
    environ: Mapping[str, str],
    system_folder: Path = SYSTEM_FOLDER,
) -> AttemptGate:
    """Return the gate: safety first, so that policies can ask what safety found.

    Raises `UsageError` or `UntrustedFileError` for settings that cannot be used.
    """
    safety = safety_gate(paths, environ, system_folder)
    return Gates((safety,) if policies.is_empty else (safety, PolicyGate(policies)))


def safety_gate(
    paths: Paths, environ: Mapping[str, str], system_folder: Path = SYSTEM_FOLDER
) -> SafetyGate:
    """Return the gate of safety. Raises as `new_gate` does."""

    @cache
    def places() -> Places:
        return Places(home=environ.get("HOME", "").rstrip("/"), mounts=mount_points())

    return SafetyGate(allowed_rules(paths, system_folder), places)


def allowed_rules(paths: Paths, system_folder: Path = SYSTEM_FOLDER) -> frozenset[str]:
    """Return the ids of safety's rules that the settings lift.

    What the administrator's file says of safety replaces what the user's says. Raises `UsageError`
    for a file that is not valid, `UntrustedFileError` for one that others could have written.
    """
    system_file = system_folder / CONFIG
    own_file = Path(os.path.realpath(paths.config))  # it may be a link to a folder of settings
    for path in (system_file, own_file):
        table = read_table(path, SECTION, is_system=path == system_file)
        if table is not None:
            return _allowed_by(table.value, str(path))
    return frozenset()


def _allowed_by(table: Any, origin: str) -> frozenset[str]:
    """Return the rules that a table `[safety]` allows; raise `UsageError` for what is none."""
    if not isinstance(table, dict) or set(table) - {"allow"}:
        raise UsageError(f"{origin}: [{SECTION}] is a table with the key `allow`")
    allow = table.get("allow", [])
    if not isinstance(allow, list) or not all(isinstance(one, str) for one in allow):
        raise UsageError(f"{origin}: {SECTION}.allow is a list of ids of rules")
    for rule in allow:
        if rule not in RULES:
            raise UsageError(
                f"{origin}: {SECTION}.allow: there is no rule {rule!r}",
                hint=did_you_mean(rule, RULES) or f"the rules: {', '.join(RULES)}",
            )
    return frozenset(allow)
