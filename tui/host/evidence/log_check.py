"""Verifies the log of this machine's database, and remembers to which event it was verified."""

from collections.abc import Callable, Sequence
from contextlib import closing, suppress

from msgspec.structs import replace

from core.audit.chain.chain import EMPTY_HEAD, is_log_id
from core.audit.chain.key_history import KeyState, RevokedKey
from core.audit.format.key import Verifier
from core.audit.verify.log_checked import LogChecked
from core.audit.verify.log_events.anchor_check import Authorities
from core.audit.verify.verdict import Report
from core.audit.verify.verified_state import VerifiedState, open_state, state_note
from core.audit.verify.verify import DEFAULT, VerifyOptions, verify
from core.audit.verify.verify_since import verify_since
from core.audit.verify.walk_state import ChainState
from core.errors import MissionDeckError
from core.ports.clock import Clock
from storage.file.anchors.anchor_trust import AnchorTrust, read_anchor_trust
from storage.file.integrity.verified_file import read_verified, write_verified
from storage.file.keystore import load_signer, public_keys, revoked_keys
from storage.read.audit_source import SqliteChainSource
from tui.host.evidence.openssl_stamps import OpensslStamps
from tui.host.places import Paths
from tui.host.version import VERSION

NOTHING_VERIFIED = ChainState(head=EMPTY_HEAD, keys=KeyState(), executions=0, subs={})

Progress = Callable[[int, int], None]
"""Takes the number of events that were read, and of all there are to read."""


class LogCheck:
    """Verifications of one database. Every call opens it read-only; blocking.

    With keys that are `trusted` or `revoked` in place of those of the folder nothing is remembered.
    Whose anchors count says `anchors`; without it, the folder of keys.
    """

    def __init__(
        self,
        paths: Paths,
        clock: Clock,
        *,
        trusted: Sequence[Verifier] | None = None,
        anchors: AnchorTrust | None = None,
        revoked: Sequence[RevokedKey] = (),
    ) -> None:
        self._paths = paths
        self._clock = clock
        self._trusted = trusted
        self._anchors = anchors
        self._revoked = revoked

    def status(self) -> LogChecked:
        """Return what was verified before; reads no events."""
        with self._open() as source:
            known = self._recall(source)
            return LogChecked(events=source.event_count, before=known, known=known)

    def full(
        self, options: VerifyOptions = DEFAULT, progress: Progress | None = None
    ) -> LogChecked:
        """Verify everything; remember it if nothing is wrong. Raises what `verify` raises.

        Of a log that ends before what was verified nothing is remembered: it may be an old copy.
        """
        with self._open() as source:
            total = source.event_count
            before = self._recall(source)
            anchors = self._anchors
            if anchors is None:
                anchors = read_anchor_trust(self._paths.keys)
            options = replace(options, authorities=authorities_of(anchors))
            report = verify(source, options, _counting(progress, total))
            known = before
            if report.chain is not None and not _is_older(report, before):
                known = self._remember(source, report.chain, full=None)
            return LogChecked(events=total, report=report, before=before, known=known)

    def since(
        self, progress: Progress | None = None, *, most_events: int | None = None
    ) -> LogChecked:
        """Verify the chain behind what was verified before, and remember how far that is.

        Records are not compared. With more than `most_events` new ones nothing is verified.
        """
        with self._open() as source:
            total = source.event_count
            before = self._recall(source)
            start = NOTHING_VERIFIED if before is None else before.chain
            if most_events is not None and total - start.head.size > most_events:
                return LogChecked(events=total, before=before, known=before)
            log_id = str(source.meta().get("log_id"))
            report = verify_since(
                source, log_id, start, _counting(progress, total, start.head.size)
            )
            known = before
            if report.chain is not None and report.key is not None:
                full = (0, 0) if before is None else (before.full_size, before.full_at)
                known = self._remember(source, report.chain, full=full)
            return LogChecked(events=total, report=report, before=before, known=known)

    def _open(self) -> closing[SqliteChainSource]:
        trusted, revoked = self._trusted, self._revoked
        if trusted is None:
            trusted, revoked = public_keys(self._paths.keys), revoked_keys(self._paths.keys)
        reasons = [(one.key.vkey, one.reason) for one in revoked]
        return closing(SqliteChainSource(self._paths.db, [one.vkey for one in trusted], reasons))

    def _recall(self, source: SqliteChainSource) -> VerifiedState | None:
        log_id = source.meta().get("log_id") if self._trusted is None else None
        if not isinstance(log_id, str) or not is_log_id(log_id):
            return None
        data = read_verified(self._paths.keys, log_id)
        return None if data is None else open_state(data, log_id, public_keys(self._paths.keys))

    def _remember(
        self, source: SqliteChainSource, chain: ChainState, *, full: tuple[int, int] | None
    ) -> VerifiedState:
        """Write down what was verified, if that is possible; `full` as (events, instant)."""
        now = self._clock.now()
        size, at = (chain.head.size, now) if full is None else full
        log_id = str(source.meta().get("log_id"))
        state = VerifiedState(
            log_id=log_id, chain=chain, at=now, version=VERSION, full_size=size, full_at=at
        )
        if self._trusted is not None:
            return state
        with suppress(MissionDeckError):  # a folder that is read-only, or no private key
            signer = load_signer(self._paths.keys)
            note = None if signer is None else state_note(state, signer)
            if note is not None:
                write_verified(self._paths.keys, log_id, note)
        return state


def authorities_of(trust: AnchorTrust) -> Authorities:
    """Return those who are trusted as verification asks them."""
    stamps = OpensslStamps(trust.certificates) if trust.certificates else None
    return Authorities(stamps=stamps, witnesses=trust.witnesses)


def _is_older(report: Report, before: VerifiedState | None) -> bool:
    return before is not None and before.chain.head.size > report.events


def _counting(
    progress: Progress | None, total: int, before: int = 0
) -> Callable[[int], None] | None:
    return None if progress is None else lambda count: progress(count - before, total - before)
