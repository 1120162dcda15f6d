"""The name of the acting user, as recorded in the audit log."""

import getpass
import os
import socket
from collections.abc import Mapping

MAX_NAME_CHARACTERS = 200


def actor_name(environ: Mapping[str, str]) -> str:
    """Return `user@host`, or `uid:NUMBER@host` for a user without a name.

    `MISSION_ACTOR` overrides it, for services that act on behalf of somebody.
    """
    named = environ.get("MISSION_ACTOR", "").strip()
    if named:
        return named[:MAX_NAME_CHARACTERS]
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid:{os.getuid()}"
    return f"{user}@{socket.gethostname() or 'localhost'}"[:MAX_NAME_CHARACTERS]
