"""Tells quickly which texts need no look at their commands: nothing in them can be refused.

A hit means little; no hit means that the reader would find nothing. So it counts every program
that a rule is about, and every way to write a name in pieces or in another code.
"""

import re
from typing import Final

_STRIPPED: Final = re.compile(r"\\\n|['\"\\]")

_HIT: Final = re.compile(
    # programs that a rule is about, wherever they are not part of another name
    r"(?:(?<![\w.])|(?<=\s-c))(?:rm|find|chmod|chown|chgrp|mk(?:fs|e2fs|dosfs|ntfs|reiserfs|swap)|newfs"
    r"|shutdown|reboot|halt|poweroff|init|telinit|systemctl|loginctl|kexec)(?![\w-])"
    # writes are refused by where they go
    r"|/?dev\b(?!/(?:null|zero|tty|std|fd/|full|u?random|shm|pts))|sysrq"
    # functions, and scripts that name themselves
    r"|\(\s*\)|\bfunction\s|\$\{?0|BASH_SOURCE"
    # texts in another code
    r"|base(?:64|32)|\bxxd\b|\brev\b|\bopenssl\b|printf[^\n]*x[0-9a-fA-F]|printf[^\n]*\d{3}"
    # names in pieces: an expansion that touches letters or another one, braces, escapes
    r"|[\w}]\$[\w{(@*'!]|\$\{?\w+\}\w|\$\{[^}\n]*[^\w}\n][^}\n]*\}|[)`]\w|\w`|\{[^{}\s]*,"
    r"|\$x[0-9a-fA-F]{2}|\$(?:u|U|\d)[0-9a-fA-F]{2}|[?*\[\]]\w*\s+-"
)


def may_be_dangerous(text: str) -> bool:
    """Tell whether the commands of a text have to be looked at."""
    if _HIT.search(_STRIPPED.sub("", text)) is not None:
        return True
    return _HIT.search(_STRIPPED.sub(" ", text)) is not None  # `-c'rm` is an option and its value
