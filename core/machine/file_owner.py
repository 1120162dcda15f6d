"""Names the owners of files in messages."""

import os
import pwd
from pathlib import Path


def user_name(uid: int) -> str:
    """Return `user NAME (uid N)`, or `uid N` for one that the system does not know."""
    try:
        return f"user {pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def whose(path: Path) -> str:
    """Return the owner of a file or folder of somebody else in words, else nothing."""
    try:
        owner = path.stat().st_uid
    except OSError:
        return ""
    return "" if owner == os.geteuid() else f" (it belongs to {user_name(owner)})"
