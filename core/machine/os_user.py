"""Who the operating system says that this process runs as: no variable can change it."""

import os
import socket

from msgspec import Struct


class OsUser(Struct, frozen=True):
    """A user of this machine and the names of the groups that the process has."""

    name: str
    host: str
    groups: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """The user as policies name it: `name@host`."""
        return f"{self.name}@{self.host}"


def os_user() -> OsUser:
    """Return the effective user of this process; what has no name is `uid:NUMBER`, `gid:NUMBER`."""
    import grp  # with pwd only needed where there is a policy
    import pwd

    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user may have no name
        name = f"uid:{uid}"
    groups = []
    for gid in sorted({os.getegid(), *os.getgroups()}):
        try:
            groups.append(grp.getgrgid(gid).gr_name)
        except KeyError:
            groups.append(f"gid:{gid}")
    return OsUser(name, socket.gethostname() or "localhost", tuple(groups))
