"""Hands the shared slots of all executions to the attempts of one, where such a limit is set."""

from core.ports.control import Slots


class SlotKeeper:
    """Keeps at most one slot in reserve. Without a limit every question is answered with yes."""

    def __init__(self, slots: Slots | None) -> None:
        self._slots = slots
        self._spare: int | None = None
        self._taken: dict[str, int] = {}

    def reserve(self) -> bool:
        """Make sure that the next attempt can have a slot; False while all are taken."""
        if self._slots is None or self._spare is not None:
            return True
        self._spare = self._slots.try_take()
        return self._spare is not None

    def assign(self, task_id: str) -> None:
        """Give the reserved slot to an attempt."""
        if self._spare is not None:
            self._taken[task_id], self._spare = self._spare, None

    def free(self, task_id: str) -> None:
        """Take an attempt's slot back. Idempotent."""
        slot = self._taken.pop(task_id, None)
        if slot is not None and self._slots is not None:
            self._slots.give_back(slot)

    def give_back_spare(self) -> None:
        """Let others have the slot in reserve: nothing is ready to use it."""
        if self._slots is not None and self._spare is not None:
            self._slots.give_back(self._spare)
            self._spare = None

    def close(self) -> None:
        """Free everything."""
        self.give_back_spare()
        for task_id in list(self._taken):
            self.free(task_id)
