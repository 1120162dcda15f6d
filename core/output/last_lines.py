"""The end of a stream of output, for the error of a step."""

from core.output.log_format import text_of


class Tail:
    """The last bytes of a stream, for the error of a step."""

    __slots__ = ("_data", "_limit")

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._data = b""

    def add(self, data: bytes) -> None:
        """Append data of the stream."""
        limit = self._limit
        self._data = data[-limit:] if len(data) >= limit else (self._data + data)[-limit:]

    def lines(self, count: int = 20, *, rest: bytes = b"") -> list[str]:
        """Return the last lines, at most `count`; the first may be cut off at its beginning.

        `rest` is data of the stream that was not added yet.
        """
        text = (self._data + rest)[-self._limit :].rstrip(b"\r\n")
        return [text_of(line) for line in text.split(b"\n")[-count:]] if text else []
