"""`mission doctor`."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from core.domain.state_word import counted
from core.errors import MissionDeckError, UnavailableError
from tui.cli.command import command as declare
from tui.cli.command import finish
from tui.cli.invocation import Invocation
from tui.host.version import VERSION
from tui.words.numbers import size
from tui.words.safe_text import safe_line
from tui.words.verified_text import older_text

OK, WARNING, PROBLEM = "ok", "warning", "problem"
_LOW_SPACE_BYTES = 256 * 1024 * 1024
_STYLES = {OK: ("✓", "+", "green"), WARNING: ("!", "!", "yellow"), PROBLEM: ("✗", "x", "red")}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check: status, description, and a hint how to fix it."""

    name: str
    status: str
    told: str
    hint: str | None = None


@declare("doctor")
@click.option("--executor", metavar="WHERE", help="Check this cluster, too (dask=tls://HOST:8786).")
def command(invocation: Invocation, executor: str | None) -> None:
    """Check everything that missions need on this machine; exit code 9 if there is a problem."""
    if executor is not None:
        invocation.give_executor(executor)
    checks = [*_program(invocation), *_settings(invocation)]
    if checks[-1].status != PROBLEM:  # without settings the paths are unknown
        checks += [check for find_checks in _CHECKS for check in find_checks(invocation)]
        checks += _cluster(invocation)
    broken = any(check.status == PROBLEM for check in checks)
    console = invocation.console
    if invocation.json:
        console.out_json(
            {
                "ok": not broken,
                "checks": [
                    {"name": one.name, "status": one.status, "told": one.told, "hint": one.hint}
                    for one in checks
                ],
            }
        )
    else:
        for one in checks:
            sign, ascii_sign, style = _STYLES[one.status]
            mark = console.palette.paint(console.palette.sign(sign, ascii_sign), style)
            console.out(f"{mark} {one.name:<10} {safe_line(one.told)}")
            if one.hint:
                console.out(f"  {'':<10} {safe_line(one.hint)}")
    finish(UnavailableError.exit_code if broken else 0)


def _program(_invocation: Invocation) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("program", OK, f"mission {VERSION} on Python {version}, {sys.platform}")
    import sqlite3

    if sqlite3.sqlite_version_info < (3, 37, 0):  # STRICT tables
        yield Check("sqlite", PROBLEM, f"SQLite {sqlite3.sqlite_version} is older than 3.37")
    else:
        yield Check("sqlite", OK, f"SQLite {sqlite3.sqlite_version}")
    if sys.platform != "linux":
        yield Check(
            "processes",
            WARNING,
            "on this platform a step's processes are stopped by process group",
            "a process that leaves its group is not found",
        )


def _settings(invocation: Invocation) -> Iterator[Check]:
    try:
        settings = invocation.settings
    except MissionDeckError as error:
        yield Check("settings", PROBLEM, error.message, error.hint)
        return
    for note in settings.notes:
        yield Check("settings", WARNING, note)
    told = ", ".join(f"{name} from {one.origin}" for name, one in sorted(settings.found.items()))
    yield Check("settings", OK, told or "nothing is set")


def _folders(invocation: Invocation) -> Iterator[Check]:
    from storage.file.network_mount import require_local

    paths = invocation.paths
    try:
        require_local(paths.db)
    except MissionDeckError as error:
        yield Check("database", PROBLEM, error.message, error.hint)
    for name, folder in (("database", paths.db.parent), ("logs", paths.logs)):
        there = _nearest(folder)
        if not os.access(there, os.W_OK | os.X_OK):
            yield Check(name, PROBLEM, f"{there} cannot be written", "check its owner and mode")
            continue
        free = shutil.disk_usage(there).free
        status = OK if free >= _LOW_SPACE_BYTES else WARNING
        yield Check(name, status, f"{folder}, {size(free)} free on its disk")


def _policies(invocation: Invocation) -> Iterator[Check]:
    try:
        policies = invocation.site.policies(invocation.cwd)
    except MissionDeckError as error:
        yield Check("policies", PROBLEM, f"nothing can start: {error.message}", error.hint)
        return
    for content in policies.contents:
        for name in content.ignored:
            path = content.folder.path / name
            yield Check("policies", WARNING, f"{path} is not read: only *.cedar files are")
    rules, files = len(policies.rules), sum(len(one.files) for one in policies.contents)
    told = f"{counted(rules, 'rule')} in {counted(files, 'file')}" if files else "there are none"
    if policies.settings.system.default_deny:
        told += "; what no policy permits is denied"
    yield Check("policies", OK, told)


def _database(invocation: Invocation) -> Iterator[Check]:
    path = invocation.paths.db
    from storage.file.integrity.file_check import find_damage
    from storage.file.maintenance import read_stats

    try:
        if not invocation.paths.has_database:
            yield Check("records", OK, "there is no database yet: the first run creates it")
            return
        damage = find_damage(path)
        stats = read_stats(path)
    except MissionDeckError as error:
        yield Check("records", PROBLEM, error.message, error.hint)
        return
    if damage:
        hint = "`mission db check` lists all damage; restore a backup"
        yield Check("records", PROBLEM, f"{path} is damaged: {damage[0]}", hint)
    else:
        kept = counted(stats.rows["execution"], "execution")
        told = f"{kept}, {size(stats.bytes)}, format {stats.format}"
        yield Check("records", OK, told)


def _keys(invocation: Invocation) -> Iterator[Check]:
    from storage.file.keystore import PRIVATE_FILE, public_keys

    paths = invocation.paths
    folder = paths.keys
    try:
        keys = public_keys(folder)
        is_needed = paths.has_database
    except MissionDeckError as error:
        yield Check("keys", PROBLEM, error.message, error.hint)
        return
    if is_needed and not (keys and (folder / PRIVATE_FILE).exists()):
        told = f"{PRIVATE_FILE} is missing in {folder}" if keys else f"there are none in {folder}"
        hint = "restore the keys from a backup: without them nothing can be appended"
        yield Check("keys", PROBLEM, told, hint)
    elif keys:
        yield Check("keys", OK, f"{len(keys)} in {folder}")
    else:
        yield Check("keys", OK, "there are none yet: the first run creates one")


def _audit(invocation: Invocation) -> Iterator[Check]:
    """Tell how far the log was verified; nothing is verified here."""
    from core.audit.chain.key_history import doubts_of
    from core.machine.system_clock import SystemClock
    from tui.host.evidence.log_check import LogCheck
    from tui.output.verification_report import extent_text

    if not invocation.paths.has_database:
        return
    try:
        found = LogCheck(invocation.paths, SystemClock()).status()
    except MissionDeckError:
        return  # the checks of the database and the keys say what is wrong
    known = found.known
    told = f"log {extent_text(known, found.events, invocation.now)}"
    if found.is_older and known is not None:
        told = older_text(events=found.events, verified=known.chain.head.size)
        yield Check("audit", PROBLEM, told, "if that is wanted, see docs/audit.md")
    elif known is None or not known.full_size:
        yield Check("audit", OK, told, "`mission audit verify` verifies all of it")
    elif doubts := doubts_of(known.log_id, known.chain.keys, known.chain.head.size):
        first, last = doubts[0].first_seq, doubts[-1].last_seq
        told += f"; events from {first} to {last} are signed only by a revoked key"
        yield Check("audit", WARNING, told, "`mission audit verify` says which, and why")
    else:
        yield Check("audit", OK, told)


def _step_types(_invocation: Invocation) -> Iterator[Check]:
    from core.step_type.registry import BUILT_IN, step_type, step_type_names

    names = step_type_names()
    for name in names:
        if name not in BUILT_IN:
            try:
                step_type(name)
            except MissionDeckError as error:
                yield Check("step types", PROBLEM, error.message, error.hint)
    yield Check(
        "step types",
        OK,
        f"{len(names)}, {len(names) - len(BUILT_IN)} of them from installed packages",
    )


def _nearest(folder: Path) -> Path:
    """Return the folder, or its nearest existing ancestor."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _cluster(invocation: Invocation) -> Iterator[Check]:
    """Check the cluster that command line or settings name, if they name one."""
    from tui.host.executor_choice import cluster_address, require_dask
    from tui.host.site import EXECUTOR_VARIABLE

    url = cluster_address(invocation.environ.get(EXECUTOR_VARIABLE, invocation.settings.executor))
    if url is None:
        return
    try:
        require_dask()
        from core.executors.dask.cluster_address import parse_cluster_address
        from core.executors.dask.cluster_check import check_cluster

        found = check_cluster(parse_cluster_address(url), VERSION)
    except MissionDeckError as error:
        yield Check("cluster", PROBLEM, error.message, error.hint)
        return
    for told, hint in found.problems:
        yield Check("cluster", PROBLEM, told, hint)
    for told, hint in found.warnings:
        yield Check("cluster", WARNING, told, hint)
    workers = counted(found.workers, "worker")
    yield Check("cluster", OK, f"{url}: {workers}, {counted(found.threads, 'slot')}")


_CHECKS: tuple[Callable[[Invocation], Iterator[Check]], ...] = (
    _folders,
    _policies,
    _database,
    _keys,
    _audit,
    _step_types,
)
