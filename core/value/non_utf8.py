r"""Bytes that are no UTF-8 in a text, as Python hands them on in file names: how they are shown.

Such a name is half a text: JSON, SQLite and the audit log cannot hold it. It is told to people as
`caf\xe9.txt` and never handed on as data.
"""


def is_text(name: str) -> bool:
    """Tell whether a name is text: whether its bytes are UTF-8."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown_bytes(text: str) -> str:
    r"""Return `text`, bytes that are no UTF-8 as `\xe9` and other half characters as `?`."""
    if is_text(text):
        return text
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair that stands for no byte
        data = text.encode("utf-8", "replace")
    return data.decode("utf-8", "backslashreplace")
