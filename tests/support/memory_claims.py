"""Claims in memory, written from the rules of `core.ports.claims` alone."""

from collections.abc import Callable

from msgspec.structs import replace

from core.ports.claims import Claim, ClaimAnswer, ClaimKind


class MemoryClaims:
    """All claims of a world; `is_live` tells whether the runner of an execution is alive."""

    def __init__(self, is_live: Callable[[str], bool]) -> None:
        self.all: list[Claim] = []
        self._is_live = is_live

    def ask(self, execution_id: str, wanted: Claim, now: int) -> ClaimAnswer:
        self.all = [one for one in self.all if one.granted_at or self._is_live(one.execution_id)]
        own = self._find(execution_id, wanted)
        if own is None:
            own = replace(wanted, execution_id=execution_id, asked_at=now, granted_at=None)
            self.all.append(own)
        if own.granted_at is not None:
            return ClaimAnswer(is_granted=True)
        held = replace(own, is_held=wanted.is_held)
        self.all[self.all.index(own)] = held
        ahead = tuple(one for one in self._queue(wanted) if self._is_ahead(one, held))
        if ahead or wanted.is_held:
            abandoned = tuple(
                one.execution_id for one in ahead if not self._is_live(one.execution_id)
            )
            return ClaimAnswer(is_granted=False, ahead=ahead, abandoned=abandoned)
        self.all[self.all.index(held)] = replace(held, granted_at=now)
        return ClaimAnswer(is_granted=True)

    def give_back(self, execution_id: str, claim: Claim) -> None:
        own = self._find(execution_id, claim)
        if own is not None:
            self.all.remove(own)

    def give_back_all(self, execution_id: str) -> None:
        self.all = [one for one in self.all if one.execution_id != execution_id]

    def _queue(self, wanted: Claim) -> list[Claim]:
        same = [one for one in self.all if (one.kind, one.name) == (wanted.kind, wanted.name)]
        return sorted(same, key=lambda one: (one.granted_at is None, -one.priority))

    def _is_ahead(self, one: Claim, own: Claim) -> bool:
        queue = self._queue(own)
        if one is own or (own.kind is ClaimKind.GROUP and one.tree == own.tree != ""):
            return False
        if one.granted_at is not None:
            return True
        return not one.is_held and queue.index(one) < queue.index(own)

    def _find(self, execution_id: str, claim: Claim) -> Claim | None:
        key = (claim.kind, claim.name, execution_id, claim.task_id)
        return next(
            (one for one in self.all if (one.kind, one.name, one.execution_id, one.task_id) == key),
            None,
        )
