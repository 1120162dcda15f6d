"""One invocation of the command: its common options, and resources opened on demand."""

import os
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.errors import MissionDeckError
from tui.cli.printing.console import Console
from tui.host.places import Paths, current_folder, find_paths, place_of
from tui.host.settings import Settings, load_settings

if TYPE_CHECKING:
    from core.output.masker import Masker
    from tui.host.site import LocalSite


class Invocation:
    """The context object of every command; common options are stored in it during parsing."""

    def __init__(self, *, environ: Mapping[str, str], cwd: Path) -> None:
        self.environ = environ
        self.cwd = cwd
        self.json = False
        self.colour: str | None = None
        self.database: str | None = None

    @classmethod
    def from_process(cls) -> "Invocation":
        """Return the invocation of this process; a deleted working directory becomes `/`."""
        return cls(environ=os.environ, cwd=current_folder())

    @cached_property
    def settings(self) -> Settings:
        """Flags over environment over project file over user file; see `tui.host.settings`."""
        return load_settings(
            environ=self.environ,
            cwd=self.cwd,
            user_file=find_paths(self.environ).config,
            flags={"db": self.database, "color": self.colour},
        )

    @cached_property
    def paths(self) -> Paths:
        """The paths of this user's files."""
        return find_paths(self.environ, database=self.settings.database)

    @cached_property
    def console(self) -> Console:
        """The output streams; must not be used before the options are parsed."""
        return Console(colour=self._wanted_colour(), environ=self.environ)

    @cached_property
    def actor(self) -> str:
        """Who is acting, as the audit records it: `user@host`."""
        from tui.host.actor import actor_name

        return actor_name(self.environ)

    @cached_property
    def site(self) -> "LocalSite":
        """This user's database and runners, as the operations see them."""
        from tui.host.site import LocalSite

        return LocalSite(paths=self.paths, environ=self.environ)

    def give_secrets(self, variables: Mapping[str, str]) -> None:
        """Put the values of secret inputs into the environment of the runners of this invocation.

        The environment of this process does not change.
        """
        self.environ = {**self.environ, **variables}
        self.__dict__.pop("site", None)
        for variable, value in variables.items():
            self.masker.add(variable, value.encode("utf-8", "surrogateescape"))

    def give_witness_file(self, path: str) -> None:
        """Let the runners of this invocation append the heads of the log to this file."""
        absolute = str(place_of(path, "--witness-file"))
        self.environ = {**self.environ, "MISSION_WITNESS_FILE": absolute}
        self.__dict__.pop("site", None)

    def give_executor(self, executor: str) -> None:
        """Let the runners of this invocation run processes there; raises as `cluster_address`."""
        from tui.host.executor_choice import cluster_address
        from tui.host.site import EXECUTOR_VARIABLE

        cluster_address(executor)
        self.environ = {**self.environ, EXECUTOR_VARIABLE: executor}
        self.__dict__.pop("site", None)

    @cached_property
    def masker(self) -> "Masker":
        """Masks the secrets that this process has read, in reports of bugs too."""
        from core.output.masker import Masker

        return Masker()

    @property
    def now(self) -> int:
        """The wall clock, nanoseconds since the epoch."""
        return time.time_ns()

    def _wanted_colour(self) -> str:
        if self.colour is not None:
            return self.colour
        try:
            setting = self.settings.found.get("color")
        except MissionDeckError:  # invalid settings are reported elsewhere
            setting = None
        if setting is None or (self.environ.get("NO_COLOR") and setting.origin != "MISSION_COLOR"):
            return "auto"
        return str(setting.value)


pass_invocation = click.make_pass_decorator(Invocation)
