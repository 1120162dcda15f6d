r"""File names and other texts of the system that are not UTF-8, and how they are shown.

Python represents their bytes as surrogate escapes, which JSON, SQLite and the audit log cannot
hold. People see such a name as `caf\xe9.txt`; it is never passed on as data.
"""


def is_utf8(name: str) -> bool:
    """Tell whether a name can be encoded as UTF-8."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def escape_non_utf8(text: str) -> str:
    r"""Return `text` with undecodable bytes as `\xe9` and other lone surrogates as `?`."""
    if is_utf8(text):
        return text
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that represents no byte
        data = text.encode("utf-8", "replace")
    return data.decode("utf-8", "backslashreplace")
