"""What a step would do outside of this program, as data: what safety and policy decide by.

Knows no step type; each type fills in what applies to it.
"""

from msgspec import Struct


class Intent(Struct, frozen=True, kw_only=True):
    """What one attempt would run, reach and write.

    Made from resolved parameters before an attempt, and from parameters with templates in a plan:
    a text that holds a template stands as it is written.
    """

    argv: tuple[str, ...] = ()
    """The program and its arguments; of a script the command line of its interpreter."""
    script: str | None = None
    """The text that the program gets as a file to interpret."""
    stdin: str | None = None
    """What the program reads on its standard input."""
    working_dir: str | None = None
    """A folder of the parameters' own, relative to the step's."""
    host: str | None = None
    port: int | None = None
    method: str | None = None
    path: str | None = None
    """The path of an HTTP request, with a leading slash and without the query."""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    """Files that are read, and those that are written, moved or deleted, as they are named."""


NO_INTENT = Intent()
"""A step that does nothing outside of the program."""
