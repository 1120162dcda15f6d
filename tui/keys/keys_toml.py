"""The user's own keys: `keys.toml`, which overrides the table of key bindings.

The file has one table: `[keys]`, binding id = keys as Textual spells them
(`"list.down" = "j,down,ctrl+n"`).
"""

from tui.keys.key_bindings import BY_ID


def read_keymap(text: str) -> tuple[dict[str, str], list[str]]:
    """Parse `keys.toml`; return the keymap and a sentence for each entry that was ignored."""
    import tomllib  # imported only for users who have such a file

    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return {}, [f"keys.toml is not read: {error}"]
    keys = tables.get("keys", {})
    problems = [f"keys.toml: unknown table [{name}]" for name in tables if name != "keys"]
    if not isinstance(keys, dict):
        return {}, [*problems, "keys.toml: `keys` is not a table"]
    found: dict[str, str] = {}
    for name, value in keys.items():
        if name not in BY_ID:
            problems.append(f"keys.toml: no binding is called {name!r}")
        elif not isinstance(value, str) or not value.strip():
            problems.append(f'keys.toml: the keys of {name!r} are a text such as "j,down"')
        else:
            found[name] = value
    return found, problems
