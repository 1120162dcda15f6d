"""Where the values of secrets come from and what masks them. Knows not how they are kept."""

from collections import Counter
from typing import Any, Protocol

from core.errors import NotFoundError


class SecretMissingError(NotFoundError):
    """Raised when secrets have no value; carries the names that are missing."""

    code = "SECRET_MISSING"

    def __init__(self, names: tuple[str, ...], *, hint: str | None = None) -> None:
        listed = ", ".join(f"`{name}`" for name in names)
        super().__init__(f"there is no value for the secret{'s' * (len(names) > 1)} {listed}")
        self.names = names
        self.hint = hint or f"store it with `mission secrets set {names[0]}`"


class SecretStore(Protocol):
    """The stored secrets of a user, opened by a key."""

    def missing(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of `names` that have no value, in their order."""

    def read(self, name: str) -> bytes:
        """Return the current value.

        Raises `SecretMissingError` without one, `UnavailableError` when it cannot be opened.
        """

    def is_masked(self, name: str) -> bool:
        """Tell whether the value is masked in output; a very short one is not."""


class Mask(Protocol):
    """Hides the values of the secrets that were read so far; false while there is none."""

    def __bool__(self) -> bool:
        """Tell whether there is anything to mask."""

    def mask_value(self, value: Any, counts: Counter[str] | None = None) -> Any:
        """Return JSON data with every secret masked, and count redactions by the secret's name."""
