"""Where the values of secrets come from. Knows nothing of how they are kept."""

from typing import Protocol

from core.errors import NotFoundError


class SecretMissingError(NotFoundError):
    """Raised when no value is stored under a name; carries the names that are missing."""

    code = "SECRET_MISSING"

    def __init__(self, names: tuple[str, ...], *, hint: str | None = None) -> None:
        listed = ", ".join(f"`{name}`" for name in names)
        super().__init__(f"no value is stored for the secret{'s' * (len(names) > 1)} {listed}")
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
