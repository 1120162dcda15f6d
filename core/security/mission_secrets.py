"""The secrets that a mission declares: where each value comes from, and which are missing.

Modules that only some sources need are imported where they are used: most missions have no secret.
A value comes from the user's secret store, or from the environment, a file, a command or the
keyring of the operating system. Knows no step; nothing is kept.
"""

import importlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from core.domain.mission import INPUT_PREFIX, DeclaredSecret
from core.errors import MissionDeckError, UnavailableError
from core.ports.secrets import SecretMissingError, SecretStore

MIN_VALUE_BYTES: Final = 8
"""Shorter values cannot be masked; only the secret store takes one, on demand."""

MAX_VALUE_BYTES: Final = 1024 * 1024
COMMAND_SECONDS: Final = 30.0


class MissionSecrets:
    """The values behind the names that one mission declares.

    `open_store` is called when a value comes from the store; `environ` is the runner's environment,
    and `folder` that of the mission file, from which paths and commands start.
    """

    def __init__(
        self,
        declared: Iterable[DeclaredSecret],
        *,
        open_store: Callable[[], SecretStore],
        environ: Mapping[str, str],
        folder: Path,
    ) -> None:
        self._sources = {one.name: one.source for one in declared}
        self._open_store = open_store
        self._environ = environ
        self._folder = folder

    @property
    def variables(self) -> frozenset[str]:
        """The variables of the runner's environment that hold values."""
        found = (_split(source) for source in self._sources.values() if source is not None)
        return frozenset(place for provider, place in found if provider == "env")

    def require(self, names: Iterable[str]) -> None:
        """Raise `SecretMissingError` with all of `names` that have no value.

        Commands are not run for that and the keyring is not asked. Raises `UnavailableError` when
        the secret store is needed and cannot be opened.
        """
        missing = self.missing(names)
        if missing:
            raise SecretMissingError(missing, hint=self._hint(missing))

    def missing(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of `names` that have no value, in their order.

        Commands are not run for that and the keyring is not asked. Raises `UnavailableError` when
        the secret store is needed and cannot be opened.
        """
        wanted = tuple(dict.fromkeys(names))
        stored = tuple(name for name in wanted if self._sources.get(name) is None)
        missing = set(self._open_store().missing(stored)) if stored else set()
        missing |= {name for name in wanted if name not in stored and not self._is_there(name)}
        return tuple(name for name in wanted if name in missing)

    def unmasked(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of `names` whose stored values are too short to be masked.

        Raises as `missing` does, `SecretMissingError` for a name without a value.
        """
        stored = [name for name in dict.fromkeys(names) if self._sources.get(name) is None]
        store = self._open_store() if stored else None
        return tuple(name for name in stored if store is not None and not store.is_masked(name))

    def read(self, name: str) -> bytes:
        """Return the value; it may take as long as the command that gives it.

        Raises `SecretMissingError` without a value, `UnavailableError` for one that cannot be read
        or cannot be masked.
        """
        source = self._sources.get(name)
        if source is None:
            return self._open_store().read(name)
        provider, place = _split(source)
        value = _READERS[provider](self, name, place)
        if len(value) < MIN_VALUE_BYTES:
            raise UnavailableError(
                f"the value of the secret {name} has {len(value)} bytes, fewer than"
                f" {MIN_VALUE_BYTES}: it could not be masked in output",
                hint=f"use a longer value, or `mission secrets set --unmaskable {name}`",
            )
        if len(value) > MAX_VALUE_BYTES:
            raise UnavailableError(
                f"the value of the secret {name} has more than {MAX_VALUE_BYTES:,} bytes"
            )
        return value

    def known(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the values of those of `names` that can be read without running a command.

        A value that cannot be read now is left out: whoever needs it will learn why.
        """
        found = {}
        for name in dict.fromkeys(names):
            if not (self._sources.get(name) or "").startswith("cmd:"):
                with suppress(MissionDeckError):
                    found[name] = self.read(name)
        return found

    def _is_there(self, name: str) -> bool:
        provider, place = _split(self._sources[name] or "")
        if provider == "env":
            return place in self._environ
        if provider == "file":
            return self._path(place).exists()
        if provider == "cmd":
            return self._program(_words(place)[0]) is not None
        return True

    def _hint(self, missing: tuple[str, ...]) -> str:
        ways = []
        for name in missing:
            source = self._sources[name]
            if source == f"env:{INPUT_PREFIX}{name}":
                ways.append(
                    f"{name} is a secret input: give the file that holds it, `-p {name}=@FILE`, or"
                    f" the variable {INPUT_PREFIX}{name}"
                )
            elif source is None:
                ways.append(f"`mission secrets set {name}` stores {name}")
            else:
                ways.append(f"{name} comes from `{source}`, which is not there")
        return "; ".join(ways)

    def _path(self, place: str) -> Path:
        # unlike Path.expanduser, this leaves `~nobody` as it is: no such file, rather than an error
        return self._folder / os.path.expanduser(place)  # noqa: PTH111 - see above

    def _program(self, word: str) -> str | None:
        if "/" in word:
            return str(self._path(word)) if self._path(word).exists() else None
        import shutil

        return shutil.which(word, path=self._environ.get("PATH"))

    def _from_environment(self, name: str, place: str) -> bytes:
        try:
            return os.fsencode(self._environ[place])
        except KeyError as error:
            raise SecretMissingError((name,), hint=self._hint((name,))) from error

    def _from_file(self, name: str, place: str) -> bytes:
        path = self._path(place)
        try:
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not make it wait
            with os.fdopen(os.open(path, flags), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise UnavailableError(f"the secret {name}: {path} is not a regular file")
                return file.read(MAX_VALUE_BYTES + 2).removesuffix(b"\n")
        except FileNotFoundError as error:
            raise SecretMissingError((name,), hint=self._hint((name,))) from error
        except OSError as error:
            raise UnavailableError(
                f"the secret {name}: {path} cannot be read: {error.strerror}"
            ) from error

    def _from_command(self, name: str, place: str) -> bytes:
        import subprocess

        words = _words(place)
        program = self._program(words[0])
        if program is None:
            raise SecretMissingError((name,), hint=self._hint((name,)))
        try:
            ended = subprocess.run(
                [program, *words[1:]],
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(
                f"the command that gives the secret {name} took longer than {COMMAND_SECONDS:g} s"
            ) from error
        except OSError as error:
            raise UnavailableError(
                f"the command that gives the secret {name} cannot be run: {error.strerror}"
            ) from error
        if ended.returncode != 0:
            raise UnavailableError(
                f"the command that gives the secret {name} ended with {ended.returncode}"
            )
        return ended.stdout.removesuffix(b"\n")

    def _from_keyring(self, name: str, place: str) -> bytes:
        service, _, user = place.partition("/")
        try:
            keyring = importlib.import_module("keyring")  # the extra `missiondeck[keyring]`
        except ImportError as error:
            raise UnavailableError(
                f"the secret {name} is in the keyring, and the package `keyring` is not installed",
                hint="pip install 'missiondeck[keyring]'",
            ) from error
        try:
            value = keyring.get_password(service, user)
        except keyring.errors.KeyringError as error:
            raise UnavailableError(
                f"the secret {name}: the keyring cannot be used: {error}"
            ) from error
        if value is None:
            raise SecretMissingError((name,), hint=self._hint((name,)))
        return str(value).encode()


_READERS: Final[Mapping[str, Callable[[MissionSecrets, str, str], bytes]]] = {
    "env": MissionSecrets._from_environment,
    "file": MissionSecrets._from_file,
    "cmd": MissionSecrets._from_command,
    "keyring": MissionSecrets._from_keyring,
}


def source_problem(source: str) -> str | None:
    """Return why a text is no source of a secret, None if it is one."""
    provider, place = _split(source)
    if provider not in _READERS:
        return f"it does not begin with {', '.join(f'`{name}:`' for name in _READERS)}"
    if not place or "\0" in place:
        return f"nothing usable follows `{provider}:`"
    if provider == "cmd":
        try:
            words = _words(place)
        except ValueError as error:
            return f"the command cannot be split into words: {error}"
        return None if words and words[0] else "the command is empty"
    if provider == "keyring" and not all(place.partition("/")):
        return "the keyring needs `keyring:SERVICE/USER`"
    return None


def command_of(source: str) -> tuple[str, ...]:
    """Return the words of the command that gives a secret, none for another source."""
    provider, place = _split(source)
    if provider != "cmd":
        return ()
    try:
        return tuple(_words(place))
    except ValueError:  # validation has reported it
        return (place,)


def _words(command: str) -> list[str]:
    """Return the words of a command as a shell splits them; `ValueError` for an open quote."""
    import shlex

    return shlex.split(command)


def _split(source: str) -> tuple[str, str]:
    provider, _, place = source.partition(":")
    return provider, place.strip()
