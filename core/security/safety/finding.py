"""What safety finds: the rules by their ids, what each says, and how a finding is allowed."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from core.domain.reasons import Reason
from core.step_type.step_type import StepOutcome

SECTION: Final = "safety"
"""The table of the settings, whose key `allow` is a list of rules."""

PATH_ESCAPE: Final = "safety.path-escape"
ADDRESS: Final = "safety.address"
"""Rules that the steps themselves hold to while they act. They are not lifted as a whole: a setting
names the folders, and the addresses, that are permitted (`core.step_type.permitted`)."""

RULES: Final[Mapping[str, str]] = {
    "safety.rm-root": "deletes `/`, a home folder or the root of a mounted file system",
    "safety.owner-root": "changes owner or permissions of `/` or a folder of the system, and of"
    " everything in it",
    "safety.make-filesystem": "makes a file system, which deletes what a device holds",
    "safety.block-device": "writes to a block device past its file system",
    "safety.fork-bomb": "defines a function that starts itself again and again",
    "safety.shutdown": "shuts the machine down or restarts it",
    "safety.loader-variable": "sets a variable that changes which code programs load",
    "safety.relative-path": "sets PATH with an entry that is not absolute",
    PATH_ESCAPE: "names a file outside of the working folder, a device, or a file of Mission Deck",
    ADDRESS: "connects to a metadata, link-local or otherwise refused address",
}
"""What an attempt does that each rule refuses, by the id of the rule. Add ids, never rename one."""


PERMITTED_BY: Final = {PATH_ESCAPE: "folders", ADDRESS: "addresses"}
"""The keys of the settings that permit what these rules refuse."""


class Finding(Struct, frozen=True):
    """One thing that safety refuses: the id of the rule, and in a sentence what was found."""

    id: str
    sentence: str
    variable: str | None = None
    """The variable that it is about, if it is about one."""

    @property
    def allow(self) -> str:
        """What allows it, as part of a sentence."""
        return allow_text(self.id)


def violation_text(rule: str, sentence: str) -> str:
    """Return what is said of a violation: the rule, what was found, and what would allow it."""
    key = PERMITTED_BY.get(rule, "allow")
    return f"refused by {rule}: {sentence} (`{SECTION}.{key}` in config.toml would allow it)"


def violation(rule: str, sentence: str, *, is_final: bool = False) -> StepOutcome:
    """Return the outcome of an attempt that a rule refuses.

    `is_final`: no setting allows it, as with devices and the files of Mission Deck itself.
    """
    text = violation_text(rule, sentence)
    if is_final:
        text = f"refused by {rule}: {sentence} (no setting allows it)"
    return StepOutcome.failure(Reason.SECURITY_VIOLATION, text, rule)


def allow_text(rule: str) -> str:
    """Return in full how a finding by this rule is allowed."""
    key = PERMITTED_BY.get(rule, "allow")
    value = {"folders": '["/folder"]', "addresses": '["ADDRESS"]'}.get(key, f'["{rule}"]')
    return (
        f"`[{SECTION}] {key} = {value}` in /etc/missiondeck/config.toml, or in your own"
        " config.toml, would allow it"
    )
