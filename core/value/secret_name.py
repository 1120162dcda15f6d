"""Names that mark their value as a secret: `DEPLOY_TOKEN`, `dbPassword`, `x-api-key`."""

import re
from functools import cache


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Compile on first use: most missions check no name."""
    name = re.compile(
        r"(?:.*[_-])?(?:password|passwd|passphrase|token|secret|api_?key|access_?key|secret_?key"
        r"|private_?key|credentials?)",
        re.IGNORECASE,
    )
    return name, re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_secret_name(name: str) -> bool:
    """Tell whether a name marks its value as a secret: `api_key`, `DB_PASSWORD`, `accessToken`."""
    secret, camel = _patterns()
    return len(name) <= 100 and secret.fullmatch(camel.sub("_", name)) is not None
