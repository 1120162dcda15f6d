"""A secret store in memory."""

from collections.abc import Mapping

from core.output.secret_forms import MIN_FORM_BYTES
from core.ports.secrets import SecretMissingError


class MemorySecrets:
    """Implements `core.ports.secrets.SecretStore`."""

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self.values = dict(values)

    def missing(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in self.values)

    def read(self, name: str) -> bytes:
        if name not in self.values:
            raise SecretMissingError((name,))
        return self.values[name]

    def is_masked(self, name: str) -> bool:
        return len(self.read(name)) >= MIN_FORM_BYTES
