r"""Bytes that are no UTF-8 in a text, as Python hands them on in file names: how they are shown.

Such a name is half a text: JSON, SQLite and the audit log cannot hold it. It is told to people as
`caf\xe9.txt` and never handed on as data.
"""

import re

_ESCAPED = re.compile("[\udc80-\udcff]")


def is_text(name: str) -> bool:
    """Tell whether a name is text: whether its bytes are UTF-8."""
    return name.isascii() or _ESCAPED.search(name) is None


def shown_bytes(text: str) -> str:
    r"""Return `text` with the bytes that are no UTF-8 as `\xe9`."""
    if text.isascii():
        return text
    return _ESCAPED.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)
