"""How times, counts and shares are written. Instants in nanoseconds, durations in seconds."""

import datetime as dt
from collections.abc import Mapping, Sequence

SECOND = 1_000_000_000
_SPARKS = "▁▂▃▄▅▆▇█"


def clock(seconds: float) -> str:
    """Write a duration so that its size shows: `0.42s`, `7.3s`, `02:10`, `1:02:10`, `3d 04h`."""
    seconds = max(0.0, seconds)
    if seconds < 1:
        return f"{seconds:.2f}s"
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60:02}:{whole % 60:02}"
    if whole < 360_000:
        return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 86400}d {whole // 3600 % 24:02}h"


def long_clock(seconds: float) -> str:
    """Write a duration as `00:12:08`, days in front when there are any."""
    whole = max(0, int(seconds))
    days, rest = divmod(whole, 86400)
    text = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d {text}" if days else text


def rough(seconds: float) -> str:
    """Write a duration in one unit: `8s`, `19m`, `3h`, `2d`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 5400:
        return f"{round(whole / 60)}m"
    if whole < 129_600:
        return f"{round(whole / 3600)}h"
    return f"{round(whole / 86400)}d"


def elapsed(start: int | None, end: int | None, now: int) -> float | None:
    """Return seconds between two instants, up to `now` while the second is missing."""
    return None if start is None else max(0, (now if end is None else end) - start) / SECOND


def ago(at: int, now: int) -> str:
    """Write how long ago an instant was."""
    passed = (now - at) / SECOND
    return "now" if passed < 1 else f"{rough(passed)} ago"


def time_of_day(at: int) -> str:
    """Write an instant as local `12:06:22.001`."""
    return dt.datetime.fromtimestamp(at / SECOND).strftime("%H:%M:%S.%f")[:-3]  # noqa: DTZ006 - the operator's own clock


def moment(at: int) -> str:
    """Write an instant as local date and time to the second."""
    return dt.datetime.fromtimestamp(at // SECOND).strftime("%Y-%m-%d %H:%M:%S")  # noqa: DTZ006 - the operator's own clock


def size(count: int) -> str:
    """Write a number of bytes: `812 B`, `1.4 MiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{int(value)} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: `1 step`, `1,738 steps`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def bar(share: float, width: int) -> tuple[str, str]:
    """Return the filled and the empty part of a progress bar, together `width` cells."""
    halves = round(min(1.0, max(0.0, share)) * width * 2)
    filled = "━" * (halves // 2) + "╸" * (halves % 2)
    return filled, "─" * (width - len(filled))


def percent(share: float) -> str:
    """Write a share; 100 % only when it is all, 0 % only when it is nothing."""
    if share >= 1:
        return "100%"
    return f"{max(1, min(99, int(share * 100))) if share > 0 else 0}%"


def sparkline(values: Sequence[float]) -> str:
    """Draw values, oldest first, as bars between zero and the largest."""
    top = max(values, default=0.0)
    if top <= 0:
        return _SPARKS[0] * len(values)
    return "".join(_SPARKS[min(7, int(value / top * 7.999))] for value in values)


def remaining(spent: float, share: float, history: Sequence[float]) -> float | None:
    """Estimate the seconds left of a run that has `spent` seconds behind it and `share` done.

    Past durations of the same mission count while the run keeps within them, then its own pace;
    None when neither says anything.
    """
    if history:
        left = sorted(history)[len(history) // 2] - spent
        if left > 0:
            return left
    return spent * (1 - share) / share if share >= 0.02 and spent >= 2 else None


def share_done(counts: Mapping[str, int]) -> float:
    """Return the share of steps in a terminal state; 0 without steps."""
    total = sum(counts.values())
    ended = sum(counts.get(s, 0) for s in ("SUCCESS", "FAILED", "SKIPPED", "CANCELLED"))
    return ended / total if total else 0.0
