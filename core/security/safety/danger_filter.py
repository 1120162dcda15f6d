"""Tells quickly which texts need no look at their commands: nothing in them can be refused.

A hit means little; no hit means that the reader would find nothing. So it counts every program
that a rule is about, and every way to write a name in pieces or in another code. Each pattern has
texts without one of which it cannot match: looking for those first makes it quick.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

_STRIPPED: Final = re.compile(r"\\\n|['\"\\]")

_PROGRAMS: Final = (
    *("rm", "find", "chmod", "chown", "chgrp", "mkfs", "mke2fs", "mkdosfs", "mkntfs"),
    *("mkreiserfs", "mkswap", "newfs", "shutdown", "reboot", "halt", "poweroff", "init"),
    *("telinit", "systemctl", "loginctl", "kexec"),
)
"""Programs that rules are about; of others it matters where they write."""


def _program(name: str) -> str:
    """Return a pattern for a name that is no part of another one, or the value of an option."""
    return rf"{name}(?![\w-])(?:(?<![\w.]{name})|(?<=\s-[cS]{name}))"


_PATTERNS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    *(((name,), _program(name)) for name in _PROGRAMS),
    (
        ("dev",),  # what is written goes to a device
        r"dev\b(?!/(?:null|zero|tty|std|fd/|full|u?random|shm|pts))(?<!\wdev)",
    ),
    (("sysrq",), "sysrq"),
    (("(",), r"\(\s*\)"),  # functions, and scripts that name themselves
    (("function",), r"\bfunction\b"),
    (("$0", "${0"), r"\$\{?0"),
    (("BASH_SOURCE",), "BASH_SOURCE"),
    (("base64", "base32"), "base(?:64|32)"),  # texts in another code
    (("xxd", "rev", "openssl"), r"\b(?:xxd|rev|openssl)\b"),
    (("printf",), r"printf[^\n]*(?:x[0-9a-fA-F]|\d{3})"),
    (
        ("$",),  # names in pieces: an expansion that touches letters or another one
        (
            r"\$(?:(?<=[\w}]\$)[\w{(@*'!]|\{?\w+\}\w|\{[^}\n]*[^\w}\n][^}\n]*\}"
            r"|x[0-9a-fA-F]{2}|[uU\d][0-9a-fA-F]{2})"
        ),
    ),
    ((")", "`"), r"[)`](?:\w|(?<=\w`))"),
    (("{",), r"\{[^{}\s]*,"),
    (("?", "*", "]"), r"[?*\]]\w*\s+-"),
)


def may_be_dangerous(text: str) -> bool:
    """Tell whether the commands of a text have to be looked at."""
    stripped = _STRIPPED.sub("", text)
    return any(
        _compiled(pattern).search(stripped)
        for needles, pattern in _PATTERNS
        if _has(stripped, needles)
    )


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern, compiled when a text first needs it."""
    return re.compile(pattern)


def _has(text: str, needles: Iterable[str]) -> bool:
    return any(needle in text for needle in needles)
