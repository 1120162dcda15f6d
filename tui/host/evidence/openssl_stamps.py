"""Time stamps (RFC 3161) by the program `openssl`: requests, and the verification of responses."""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

from core.errors import UnavailableError
from core.ports.anchor import StampRefusedError, TimeStamp

TIMEOUT_SECONDS = 30
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = re.compile(
    r"^Time stamp: ([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?"
    r" (\d{4}) GMT$",
    re.MULTILINE,
)
_NAME = re.compile(r"^TSA: (?:DirName:)?(.+)$", re.MULTILINE)
_REASON = re.compile(r"Verify error:(.+)$|:error:[^:]*:[^:]*:[^:]*:([^:]+):")


class OpensslStamps:
    """Verifies time stamps against the certificates (PEM) of authorities that are trusted.

    Implements `core.ports.anchor.StampCheck`.
    """

    def __init__(self, certificates: Sequence[bytes]) -> None:
        self._certificates = b"\n".join(certificates)

    def verify(self, digest: bytes, response: bytes) -> TimeStamp:
        """Return what a response proves about data with this SHA-256; `StampRefusedError`.

        The certificates must have been valid at the time of the stamp, not today: that they expire
        later takes nothing from what was stamped before.
        """
        if not self._certificates:
            raise StampRefusedError("no time-stamping authority is trusted here")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "response").write_bytes(response)
            Path(folder, "authorities").write_bytes(self._certificates)
            # The status of a response is not signed and may hold any text, even a line that looks
            # like a time; so nothing but the signed token in it is read.
            token = ("-in", "token", "-token_in")
            words = ("-in", "response", "-token_out", "-out", "token")
            taken = _openssl(folder, "ts", "-reply", *words)
            told = _openssl(folder, "ts", "-reply", *token, "-text")
            text = told.stdout.decode("utf-8", "replace")
            found = _TIME.search(text)
            if taken.returncode or told.returncode or found is None:
                raise StampRefusedError("it is no response of a time-stamping authority")
            at = _instant(found)
            done = _openssl(
                folder,
                *("ts", "-verify", "-digest", digest.hex(), *token),
                *("-CAfile", "authorities", "-attime", str(at // 1_000_000_000)),
            )
            if done.returncode:
                raise StampRefusedError(f"openssl refuses the time stamp: {_reason(done.stderr)}")
        name = _NAME.search(text)
        is_named = name is not None and name[1] != "unspecified"
        return TimeStamp(at=at, by=name[1] if name and is_named else "an unnamed authority")


def new_request(digest: bytes) -> bytes:
    """Return a request for a time stamp of data with this SHA-256, certificates included (DER)."""
    with tempfile.TemporaryDirectory() as folder:
        words = ("ts", "-query", "-digest", digest.hex(), "-sha256", "-cert", "-out", "request")
        done = _openssl(folder, *words)
        if done.returncode:
            raise UnavailableError(f"openssl makes no request: {_reason(done.stderr)}")
        return Path(folder, "request").read_bytes()


def require_certificates(certificates: bytes) -> None:
    """Raise `StampRefusedError` unless these are certificates in PEM."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "authorities").write_bytes(certificates)
        done = _openssl(folder, "x509", "-in", "authorities", "-noout")
        if done.returncode:
            raise StampRefusedError("it holds no certificate in PEM")


def _openssl(folder: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    program = which("openssl")
    if program is None:
        raise UnavailableError(
            "time stamps need the program openssl, which is not installed",
            hint="install it (Debian: apt install openssl), and repeat the command",
        )
    try:
        return subprocess.run(
            [program, *words],
            cwd=folder,
            env={"OPENSSL_CONF": "/dev/null", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            f"openssl has not answered within {TIMEOUT_SECONDS} seconds"
        ) from error
    except OSError as error:
        raise UnavailableError(f"openssl cannot be run: {error.strerror or error}") from error


def _instant(found: re.Match[str]) -> int:
    """Return the time of a stamp in nanoseconds since the epoch."""
    month, day, hour, minute, second, fraction, year = found.groups()
    try:
        at = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second),
            tzinfo=UTC,
        )  # fmt: skip
    except ValueError as error:
        raise StampRefusedError("the time stamp has no time that can be read") from error
    return int(at.timestamp()) * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))


def _reason(stderr: bytes) -> str:
    """Return why openssl refused, in its own words."""
    for line in stderr.decode("utf-8", "replace").splitlines():
        found = _REASON.search(line)
        if found is not None:
            return (found[1] or found[2]).strip()[:200]
    return "without a reason"
