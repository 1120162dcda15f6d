"""Patterns of files in a folder, as a mission file has them."""

MAX_CHARACTERS = 4096


def pattern_problem(pattern: str) -> str | None:
    """Return what is wrong with a pattern of files below a folder, None if nothing is."""
    if not pattern.strip("/. "):
        return "it names no file"
    if len(pattern) > MAX_CHARACTERS:
        return f"it has more than {MAX_CHARACTERS:,} characters"
    if "\0" in pattern:
        return "it holds a NUL character"
    if pattern.startswith(("/", "~")):
        return "it is relative to the step's working folder: leave out the folders before it"
    if ".." in pattern.split("/"):
        return "it cannot leave the step's working folder"
    return None
