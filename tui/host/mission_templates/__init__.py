"""The missions that `mission init` writes, one in each YAML file beside this one.

A file's first comment line says in a few words what it shows; `NAME` stands for the mission's name.
"""

from pathlib import Path

NAME = "NAME"
_FOLDER = Path(__file__).parent


def template_names() -> tuple[str, ...]:
    """Return the names of the templates in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def template_text(name: str) -> str:
    """Return the text of a template, whose name is one of `template_names`."""
    return (_FOLDER / f"{name}.yaml").read_text("utf-8")


def template_summary(name: str) -> str:
    """Return what a template shows: its first comment line."""
    return template_text(name).partition("\n")[0].removeprefix("# ")
