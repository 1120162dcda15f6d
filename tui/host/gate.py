"""Composes the gate before each attempt from the settings that may loosen it.

Those are the administrator's and the user's own files. No project file, environment variable, flag
or mission can: whoever writes one of those is who the gate is for.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.errors import UsageError
from core.machine.mount_points import mount_points
from core.security.attempt_gate import AttemptGate, Gates
from core.security.policy.policies import Policies
from core.security.policy.policy_gate import PolicyGate
from core.security.safety.finding import PERMITTED_BY, RULES, SECTION
from core.security.safety.safety_gate import SafetyGate
from core.security.safety.shell.dangerous_place import Places
from core.step_type.permitted import NOTHING_MORE, Permitted
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
    """Return the ids of safety's rules that the settings lift. Raises as `permitted_by` does."""
    return _settings(paths, system_folder).rules


def permitted_by(paths: Paths, system_folder: Path = SYSTEM_FOLDER) -> Permitted:
    """Return the folders and addresses that the settings let steps reach.

    Raises `UsageError` for a file that is not valid, `UntrustedFileError` for one that others could
    have written.
    """
    return _settings(paths, system_folder).permitted


class _SafetySettings(Struct, frozen=True):
    rules: frozenset[str] = frozenset()
    permitted: Permitted = NOTHING_MORE


def _settings(paths: Paths, system_folder: Path) -> _SafetySettings:
    """Read the table; what the administrator's file says replaces what the user's says."""
    system_file = system_folder / CONFIG
    own_file = Path(os.path.realpath(paths.config))  # it may be a link to a folder of settings
    for path in (system_file, own_file):
        table = read_table(path, SECTION, is_system=path == system_file)
        if table is not None:
            return _read(table.value, str(path))
    return _SafetySettings()


def _read(table: Any, origin: str) -> _SafetySettings:
    """Return what a table `[safety]` says; raise `UsageError` for one that is not valid."""
    if not isinstance(table, dict) or set(table) - {"allow", "folders", "addresses"}:
        raise UsageError(
            f"{origin}: [{SECTION}] is a table with the keys `allow`, `folders` and `addresses`"
        )
    rules = _texts(table, "allow", "ids of rules", origin)
    for rule in rules:
        if rule in PERMITTED_BY:
            raise UsageError(
                f"{origin}: {SECTION}.allow: {rule} is not lifted as a whole",
                hint=f"`{SECTION}.{PERMITTED_BY[rule]}` names what is permitted",
            )
        if rule not in RULES:
            raise UsageError(
                f"{origin}: {SECTION}.allow: there is no rule {rule!r}",
                hint=did_you_mean(rule, RULES) or f"the rules: {', '.join(RULES)}",
            )
    folders = tuple(map(Path, _texts(table, "folders", "absolute paths of folders", origin)))
    for folder in folders:
        if not folder.is_absolute() or ".." in folder.parts or folder == Path("/"):
            raise UsageError(
                f"{origin}: {SECTION}.folders: {str(folder)!r} is not the absolute path of a folder"
                " below /"
            )
    addresses = _texts(table, "addresses", "addresses or networks (CIDR)", origin)
    if addresses:
        from ipaddress import ip_network  # rarely needed

        for address in addresses:
            try:
                ip_network(address)
            except ValueError as error:
                raise UsageError(f"{origin}: {SECTION}.addresses: {error}") from error
    return _SafetySettings(frozenset(rules), Permitted(folders, addresses))


def _texts(table: Mapping[str, Any], key: str, what: str, origin: str) -> tuple[str, ...]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise UsageError(f"{origin}: {SECTION}.{key} is a list of {what}")
    return tuple(found)
