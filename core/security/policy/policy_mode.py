"""What the settings say of policies, and for which layers that holds."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from core.errors import UsageError
from core.security.policy.policy_file import Layer

TABLE = "policy"
"""The table of the settings files: `[policy]`."""


class Mode(StrEnum):
    """Whether a denial holds, or is only told."""

    ENFORCE = "enforce"
    WARN = "warn"


class PolicyTable(Struct, frozen=True):
    """The table `[policy]` of one settings file; a mode of None is not set there.

    `path` and `sha256` are those of the file, empty where it has no such table.
    """

    mode: Mode | None = None
    default_deny: bool = False
    path: str = ""
    sha256: str = ""


NO_TABLE = PolicyTable()


class PolicySettings(Struct, frozen=True):
    """The tables of the machine's and of the user's settings."""

    system: PolicyTable = NO_TABLE
    home: PolicyTable = NO_TABLE

    def mode(self, layer: Layer) -> Mode:
        """Return the mode of a layer's policies.

        The machine's mode holds for all where it is set; the user's never loosens the machine's
        policies.
        """
        if self.system.mode is not None:
            return self.system.mode
        if layer is Layer.SYSTEM or self.home.mode is None:
            return Mode.ENFORCE
        return self.home.mode


NO_SETTINGS = PolicySettings()


def policy_table(value: Any, origin: str, *, is_system: bool, sha256: str = "") -> PolicyTable:
    """Check the table `[policy]` of the file `origin`.

    Raises `UsageError` for an unknown key or a value of the wrong type.
    """
    known = {"mode", "default_deny"} if is_system else {"mode"}
    if not isinstance(value, Mapping):
        raise UsageError(f"{origin}: `{TABLE}` is not a table")
    for name in value:
        if name == "default_deny" and not is_system:
            raise UsageError(
                f"{origin}: `default_deny` can only be set in the settings of the machine",
                hint="/etc/missiondeck/config.toml",
            )
        if name not in known:
            raise UsageError(
                f"{origin}: unknown key `{name}` in [{TABLE}] (known: {', '.join(sorted(known))})"
            )
    mode, default_deny = value.get("mode"), value.get("default_deny", False)
    if mode is not None and mode not in [one.value for one in Mode]:
        raise UsageError(f"{origin}: the mode {mode!r} is not one of enforce, warn")
    if not isinstance(default_deny, bool):
        raise UsageError(f"{origin}: default_deny is {default_deny!r}, not true or false")
    return PolicyTable(None if mode is None else Mode(mode), default_deny, origin, sha256)
