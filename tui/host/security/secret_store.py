"""The secret store of this user, opened as the environment says."""

import sys
from collections.abc import Mapping

from storage.file.secret_file import SecretFile
from storage.file.secret_key import KeySource
from tui.host.places import Paths


def open_secrets(paths: Paths, environ: Mapping[str, str], *, may_ask: bool = True) -> SecretFile:
    """Return the store. A passphrase is asked for on a terminal only; nothing is read yet."""
    ask = _ask if may_ask and sys.stdin is not None and sys.stdin.isatty() else None
    return SecretFile(paths.home, KeySource(folder=paths.keys, environ=environ, ask=ask))


def _ask() -> str:
    import getpass

    return getpass.getpass("passphrase of the secret store (not shown): ")
