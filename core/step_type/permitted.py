"""What the settings let steps reach that safety otherwise refuses. Knows no setting and no step."""

from pathlib import Path

from msgspec import Struct


class Permitted(Struct, frozen=True):
    """Folders beyond the working folder, and addresses, networks among them (CIDR)."""

    folders: tuple[Path, ...] = ()
    addresses: tuple[str, ...] = ()

    def facts(self) -> dict[str, str]:
        """Return it as the audit log records it at the start of a runner; nothing for nothing."""
        found = {
            "safety_folders": ":".join(map(str, self.folders)),
            "safety_addresses": " ".join(self.addresses),
        }
        return {name: text for name, text in found.items() if text}


NOTHING_MORE = Permitted()
"""Without such a setting."""
