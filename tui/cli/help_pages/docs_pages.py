"""The pages of the documentation that come with the program: where they are, and their text."""

from collections.abc import Iterator
from pathlib import Path

from core.errors import NotFoundError

DISTRIBUTION = "missiondeck"
PREFIX = "docs/"
"""How messages and other pages name a page: `docs/settings.md`."""
PORTING = "coming-from"
TOOLS = {
    "make": "make",
    "actions": "Actions",
    "github": "Actions",
    "airflow": "Airflow",
    "dagu": "Dagu",
    "compose": "Compose",
    "docker": "Compose",
}
"""The tools that the page of ports is about, by the words one may ask with: their names there."""
_ANY_TOOL = "any of them"
_ROW = "| "


def pages() -> list[str]:
    """Return the names of all pages, as messages name them; empty without any."""
    folder = _folder()
    return [] if folder is None else sorted(f"{PREFIX}{one.name}" for one in folder.glob("*.md"))


def page_lines(topic: str) -> list[str] | None:
    """Return the lines of a page, with or without `.md`; None if there is none of that name."""
    name = f"{topic.removesuffix('.md')}.md"
    folder = _folder()
    if folder is None or name not in pages():
        return None
    return (folder / name.removeprefix(PREFIX)).read_text(encoding="utf-8").splitlines()


def list_lines() -> Iterator[str]:
    """Yield the pages, each with its title, and the folder they are in."""
    folder = _required_folder()
    yield f"The pages of the documentation in {folder}; `mission help PAGE` prints one"
    yield ""
    names = pages()
    width = max(map(len, names))
    for name in names:
        title = (page_lines(name) or [""])[0].lstrip("# ")
        yield f"  {name.ljust(width)}  {title}"


def porting_lines(word: str | None = None) -> Iterator[str]:
    """Yield what stands here for what a tool has, or for what all of them have."""
    wanted = None if word is None else TOOLS[word]
    page = page_lines(f"{PREFIX}{PORTING}")
    if page is None:
        raise _not_installed()
    yield f"Coming from {wanted or 'another tool'}: what is called how here"
    for line in page:
        known, bar, here = line.strip("| ").partition(" | ")
        tool, _, what = known.partition(": ")
        if not (line.startswith(_ROW) and bar and what):
            continue
        if wanted is None or tool in (wanted, _ANY_TOOL):
            yield ""
            yield f"  {known if wanted is None else what}"
            yield f"      {here}"
    yield ""
    yield f"`mission help {PREFIX}{PORTING}.md` prints five real files, each beside its mission;"
    yield f"it is {_required_folder() / PORTING}.md"


def _required_folder() -> Path:
    folder = _folder()
    if folder is None:
        raise _not_installed()
    return folder


def _not_installed() -> NotFoundError:
    return NotFoundError(
        "the pages of the documentation were not installed with this program",
        hint="`mission help` lists what there is without them",
    )


def _folder() -> Path | None:
    """Return the folder of the pages: that of a checkout, or where the program was installed."""
    beside = Path(__file__).parents[3] / "docs"
    if (beside / f"{PORTING}.md").is_file():
        return beside
    from importlib.metadata import PackageNotFoundError, files  # only an installed program needs it

    try:
        found = files(DISTRIBUTION) or ()
    except PackageNotFoundError:
        return None
    for file in found:
        if file.name == f"{PORTING}.md":
            return Path(str(file.locate())).resolve().parent
    return None
