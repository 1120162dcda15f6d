"""`mission secrets`: values that missions may read and nobody may see."""

import sys
from pathlib import Path

import click

from core.domain.state_word import counted
from core.errors import ConflictError, UsageError
from core.value.timestamp import rfc3339
from tui.cli.command import DeckGroup, finish
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.words.safe_text import safe_line

FOUND_EXIT_CODE = 1
MIN_PASSPHRASE_CHARACTERS = 12


@click.group("secrets", cls=DeckGroup)
def command() -> None:
    """Store the values of secrets, encrypted."""


@declare("set", short_help="Store the value of a secret.")
@click.argument("name")
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Read the value from this file, byte for byte.",
)
@click.option(
    "--unmaskable",
    is_flag=True,
    help="Store a value of fewer than 8 bytes, which is not masked in output.",
)
def set_value(invocation: Invocation, name: str, file: Path | None, unmaskable: bool) -> None:
    """Store the value of the secret NAME; an older value is replaced.

    The value is asked for on a terminal, without echo, and read from standard input off one; a
    single line feed at its end is dropped. It is never an argument: arguments are public.

    Without a key, the first call makes a key file that only you may read. If it is lost, nothing
    recovers the secrets.
    """
    from core.output.secret_forms import MIN_FORM_BYTES
    from storage.file.secret_file import MAX_VALUE_BYTES
    from storage.file.secret_key import KEY_FILE
    from tui.host.security.secret_store import open_secrets

    _check_name(name)
    value = _value(name, file)
    if not value:
        raise UsageError(f"the value of {name} is empty; nothing was stored")
    if len(value) > MAX_VALUE_BYTES:
        raise UsageError(f"the value of {name} has more than {MAX_VALUE_BYTES:,} bytes")
    is_masked = len(value) >= MIN_FORM_BYTES
    if not is_masked and not unmaskable:
        raise UsageError(
            f"the value of {name} has {len(value)} bytes, fewer than {MIN_FORM_BYTES}:"
            " it could not be masked in output without damaging it",
            hint="use a longer value, or store it all the same with --unmaskable",
        )
    store = open_secrets(invocation.paths, invocation.environ)
    is_new_key = store.set(name, value, created_at=invocation.now, is_masked=is_masked)
    if is_new_key:
        invocation.console.say(
            f"a key was made: {invocation.paths.keys / KEY_FILE}. Keep a copy in a safe place:"
            " without it nothing recovers the secrets."
        )
    version = next(entry.version for entry in store.entries() if entry.name == name)
    if invocation.json:
        invocation.console.out_json({"name": name, "version": version, "masked": is_masked})
    else:
        note = "" if is_masked else "; it is too short to be masked in output"
        invocation.console.say(f"{name}: version {version} is stored{note}")


@declare("list", short_help="List the names of stored secrets.")
def list_names(invocation: Invocation) -> None:
    """List the names of the stored secrets, never their values."""
    from tui.host.security.secret_store import open_secrets

    entries = open_secrets(invocation.paths, invocation.environ).entries()
    if invocation.json:
        invocation.console.out_json(
            [
                {
                    "name": entry.name,
                    "version": entry.version,
                    "created_at": rfc3339(entry.created_at),
                    "masked": entry.is_masked,
                }
                for entry in entries
            ]
        )
        return
    if not entries:
        invocation.console.say("no secret is stored; `mission secrets set NAME` stores one")
    widest = max((len(entry.name) for entry in entries), default=0)
    invocation.console.out_lines(
        [
            f"{entry.name:<{widest}}  version {entry.version}  {rfc3339(entry.created_at)[:19]}Z"
            + ("" if entry.is_masked else "  not masked")
            for entry in entries
        ]
    )


@declare("rm", short_help="Forget a secret.")
@click.argument("name")
def remove(invocation: Invocation, name: str) -> None:
    """Forget the secret NAME. Missions that need it do not start any more."""
    from tui.host.security.secret_store import open_secrets

    open_secrets(invocation.paths, invocation.environ).remove(name)
    if invocation.json:
        invocation.console.out_json({"name": name, "removed": True})
    else:
        invocation.console.say(f"{safe_line(name)} is forgotten")


@declare("rekey", short_help="Change the key of the store.")
@click.option(
    "--passphrase",
    is_flag=True,
    help="Protect the store by a passphrase instead of a key file.",
)
@click.option(
    "--keyring",
    is_flag=True,
    help="Keep the new key in the keyring of the system (needs missiondeck[keyring]).",
)
def rekey(invocation: Invocation, passphrase: bool, keyring: bool) -> None:
    """Wrap all secrets by a new key; the old one opens nothing any more.

    The new key is a new key file, with --keyring a key in the keyring of the system, or with
    --passphrase a passphrase, which is asked for on a terminal or read from standard input. A
    backup of the old store and key still opens.
    """
    from tui.host.security.secret_store import open_secrets

    if passphrase and keyring:
        raise UsageError("--passphrase and --keyring cannot be combined")
    store = open_secrets(invocation.paths, invocation.environ)
    if invocation.environ.get("CREDENTIALS_DIRECTORY"):
        raise ConflictError(
            "the key comes from CREDENTIALS_DIRECTORY, which comes before every other key",
            hint="unset it to change to a key file or a passphrase",
        )
    phrase = _new_passphrase() if passphrase else None
    count = store.rekey(phrase, to_keyring=keyring)
    if invocation.json:
        told = {"secrets": count, "passphrase": passphrase, "keyring": keyring}
        invocation.console.out_json(told)
    else:
        kind = "the passphrase" if passphrase else "a new key file"
        kind = "a key in the keyring" if keyring else kind
        invocation.console.say(f"wrapped by {kind} now: {counted(count, 'secret')}")


@declare("scan", short_help="Look for stored secrets in the files of Mission Deck.")
@click.argument("places", nargs=-1, type=click.Path(path_type=Path, exists=True))
def scan(invocation: Invocation, places: tuple[Path, ...]) -> None:
    """Look for the values of stored secrets, in every form that is masked, in files.

    Without PLACES the database with its journal, the logs and everything else in the folders of
    Mission Deck is read. Exit code 1 if a secret is found.
    """
    from core.output.masker import Masker
    from tui.host.security.secret_scan import scan_files
    from tui.host.security.secret_store import open_secrets

    paths = invocation.paths
    store = open_secrets(paths, invocation.environ)
    masker = Masker({one.name: store.read(one.name) for one in store.entries() if one.is_masked})
    wanted = places or (paths.home, paths.db.parent, paths.logs, paths.config.parent)
    report = scan_files(masker, wanted)
    if invocation.json:
        invocation.console.out_json(
            {
                "files": report.files,
                "bytes": report.bytes,
                "unreadable": [str(path) for path in report.unreadable],
                "found": [
                    {"path": str(one.path), "offset": one.offset, "name": one.name}
                    for one in report.found
                ],
            }
        )
    else:
        invocation.console.out_lines(
            [f"{safe_line(str(one.path))}: byte {one.offset:,}: {one.name}" for one in report.found]
        )
        for path in report.unreadable:
            invocation.console.say(f"{safe_line(str(path))} could not be read")
        invocation.console.say(
            f"{len(report.found)} found in {counted(report.files, 'file')},"
            f" {counted(report.bytes, 'byte')}"
        )
    finish(FOUND_EXIT_CODE if report.found else 0)


def _check_name(name: str) -> None:
    from core.machine.environment import is_denied
    from core.mission_file.finding.value_check import VARIABLE_NAME

    if not VARIABLE_NAME.fullmatch(name) or is_denied(name):
        raise UsageError(
            f"{safe_line(name)!r} is no name for a secret",
            hint="letters, digits and _, as in DEPLOY_TOKEN: it is the name of the variable, too",
        )


def _value(name: str, file: Path | None) -> bytes:
    if file is not None:
        return file.read_bytes()
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(f"value of {name} (not shown): ").encode("utf-8", "surrogateescape")
    return sys.stdin.buffer.read().removesuffix(b"\n")


def _new_passphrase() -> str:
    if not sys.stdin.isatty():
        phrase = sys.stdin.read().removesuffix("\n")
    else:
        import getpass

        phrase = getpass.getpass("new passphrase (not shown): ")
        if getpass.getpass("once more: ") != phrase:
            raise UsageError("the two passphrases differ; nothing was changed")
    if len(phrase) < MIN_PASSPHRASE_CHARACTERS:
        raise UsageError(
            f"a passphrase needs at least {MIN_PASSPHRASE_CHARACTERS} characters; nothing was"
            " changed"
        )
    return phrase


for _one in (set_value, list_names, remove, rekey, scan):
    command.add_command(_one)
