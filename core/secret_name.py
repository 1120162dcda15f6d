"""Which names say that their value is a secret: `DEPLOY_TOKEN`, `dbPassword`, `x-api-key`."""

import re

_NAME = re.compile(
    r"(?:.*[_-])?(?:password|passwd|passphrase|token|secret|api_?key|access_?key|secret_?key"
    r"|private_?key|credentials?)",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_secret_name(name: str) -> bool:
    """Tell whether what goes by this name is a secret: `api_key`, `DB_PASSWORD`, `accessToken`."""
    return len(name) <= 100 and _NAME.fullmatch(_CAMEL.sub("_", name)) is not None
