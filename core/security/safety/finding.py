"""What safety finds: the rules by their ids, what each says, and how a finding is allowed."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

SECTION: Final = "safety"
"""The table of the settings, whose key `allow` is a list of rules."""

RULES: Final[Mapping[str, str]] = {
    "safety.rm-root": "deletes `/`, a home folder or the root of a mounted file system",
    "safety.owner-root": "changes owner or permissions of `/`, a home folder or a mounted file"
    " system and of everything in it",
    "safety.make-filesystem": "makes a file system, which deletes what a device holds",
    "safety.block-device": "writes to a block device past its file system",
    "safety.fork-bomb": "defines a function that starts itself again and again",
    "safety.shutdown": "shuts the machine down or restarts it",
    "safety.loader-variable": "sets a variable that changes which code programs load",
    "safety.relative-path": "sets PATH with an entry that is not absolute",
    "safety.path-escape": "names a file outside of the working folder, a device, or a file of"
    " Mission Deck",
    "safety.address": "connects to a metadata, link-local or otherwise refused address",
}
"""What an attempt does that each rule refuses, by the id of the rule. Add ids, never rename one."""

STRUCTURAL: Final = frozenset({"safety.path-escape", "safety.address"})
"""Rules that the steps themselves hold to while they act, and that no setting lifts."""


class Finding(Struct, frozen=True):
    """One thing that safety refuses: the id of the rule, and in a sentence what was found."""

    id: str
    sentence: str

    @property
    def allow(self) -> str:
        """What allows it, as part of a sentence."""
        return allow_text(self.id)


def allow_text(rule: str) -> str:
    """Return how a finding by this rule is allowed, as part of a sentence."""
    if rule == "safety.path-escape":
        return "no setting allows it: choose a `working_dir` that holds the file"
    if rule == "safety.address":
        return "no setting allows it"
    return f'`{SECTION}.allow = ["{rule}"]` in /etc/missiondeck/config.toml or your own config.toml'
