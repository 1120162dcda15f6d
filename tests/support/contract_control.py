"""The contract of leases and requests, tested against every implementation."""

from typing import Any

import pytest
from msgspec.structs import replace

from core.errors import ConflictError, LeaseHeldError, NotFoundError
from core.machine.runner_identity import identity
from core.ports.claims import Claim, ClaimAnswer, ClaimKind
from core.ports.control import RequestKind, RequestOutcome
from core.ports.executor import WorkerLoad
from tests.support.contract_journal import World, a_running
from tests.support.story import ELSEWHERE

WORKER = WorkerLoad(worker="tls://n1:1", name="one", host="n1", slots=4, running=2)


def group(**fields: Any) -> Claim:
    return Claim(kind=ClaimKind.GROUP, name="g", execution_id="", **fields)


def names(answer: ClaimAnswer) -> list[str]:
    return [claim.execution_id for claim in answer.ahead]


class ControlContract:
    """Contract tests of `core.ports.Control`."""

    async def test_a_lease_is_held_by_one(self, world: World) -> None:
        first, second = await world.open(), await world.open()
        lease = await first.control.acquire("x")
        assert lease.epoch == 1
        assert lease.identity == identity()
        with pytest.raises(LeaseHeldError):
            await second.control.acquire("x")
        assert (await second.control.acquire("y")).epoch == 1

    async def test_the_owner_may_take_its_lease_again(self, world: World) -> None:
        process = await world.open()
        lease = await process.control.acquire("x")
        again = await process.control.acquire("x")
        assert (again.owner, again.epoch) == (lease.owner, lease.epoch)
        assert again.expires_at > lease.expires_at

    async def test_a_released_lease_is_free_and_its_epoch_goes_on(self, world: World) -> None:
        first, second = await world.open(), await world.open()
        lease = await first.control.acquire("x")
        await first.control.release(lease)
        await first.control.release(lease)
        taken = await second.control.acquire("x")
        assert taken.epoch == 2
        await first.control.release(lease)  # of an epoch that is over: nothing happens
        assert (await second.control.renew(taken)).epoch == 2

    async def test_what_workers_do_is_kept_with_the_lease_of_the_runner_that_told_it(
        self, world: World
    ) -> None:
        gone = replace(identity(), pid=2**22 + 1)
        dead, heir = await world.open(gone), await world.open()
        lease = await dead.control.acquire("x")
        assert lease.workers == ()

        await dead.control.note_workers(lease, [WORKER])
        noted = await dead.control.acquire("x")
        assert (noted.workers, noted.workers_at > 0) == ((WORKER,), True)
        taken = await heir.control.acquire("x")
        assert taken.workers == ()
        with pytest.raises(LeaseHeldError):
            await dead.control.note_workers(lease, [WORKER])

    async def test_a_queue_is_in_order_of_priority_and_then_of_asking(self, world: World) -> None:
        process = await world.open()
        leases = [await process.control.acquire(name) for name in ("a", "b", "c", "d")]
        first, second, urgent, held = leases
        on_hold = group(priority=9, is_held=True)

        assert (await process.control.ask_claim(first, group())).is_granted
        waiting = await process.control.ask_claim(second, group())
        assert (waiting.is_granted, names(waiting)) == (False, ["a"])
        assert names(await process.control.ask_claim(urgent, group(priority=5))) == ["a"]
        assert names(await process.control.ask_claim(held, on_hold)) == ["a"]
        assert names(await process.control.ask_claim(second, group())) == ["a", "c"]
        assert (await process.control.ask_claim(first, group())).is_granted

        await process.control.release(first)
        assert not (await process.control.ask_claim(held, on_hold)).is_granted
        assert not (await process.control.ask_claim(second, group())).is_granted
        assert (await process.control.ask_claim(urgent, group(priority=5))).is_granted
        assert names(await process.control.ask_claim(held, group(priority=9))) == ["c"]
        await process.control.give_back_claim(urgent, group())
        await process.control.give_back_claim(urgent, group())
        assert (await process.control.ask_claim(held, group(priority=9))).is_granted

    async def test_what_a_dead_runner_had_is_free_once_its_loss_is_recorded(
        self, world: World
    ) -> None:
        gone = replace(identity(), pid=2**22 + 1)
        dead, heir = await world.open(gone), await world.open()
        lost = await dead.control.acquire("a")
        also = await dead.control.acquire("c")
        mine = await heir.control.acquire("b")
        assert (await dead.control.ask_claim(lost, group())).is_granted
        await dead.control.ask_claim(also, group(priority=9))

        answer = await heir.control.ask_claim(mine, group())
        assert (names(answer), answer.abandoned) == (["a"], ("a",))
        await heir.control.release(await heir.control.fence("a"))
        assert (await heir.control.ask_claim(mine, group())).is_granted
        again = await heir.control.acquire("a")
        await heir.control.give_back_claims(again)
        assert names(await heir.control.ask_claim(again, group())) == ["b"]
        with pytest.raises(LeaseHeldError):
            await dead.control.ask_claim(lost, group())

    async def test_sub_missions_share_a_group_and_steps_never_a_mutex(self, world: World) -> None:
        process = await world.open()
        parent, child = await process.control.acquire("a"), await process.control.acquire("b")

        assert (await process.control.ask_claim(parent, group(tree="a"))).is_granted
        assert (await process.control.ask_claim(child, group(tree="a"))).is_granted
        mutex = Claim(kind=ClaimKind.MUTEX, name="x", execution_id="", task_id="s", tree="a")
        other = replace(mutex, task_id="t")
        assert (await process.control.ask_claim(parent, mutex)).is_granted
        assert names(await process.control.ask_claim(parent, other)) == ["a"]

    async def test_a_dead_owner_on_this_machine_is_replaced_at_once(self, world: World) -> None:
        gone = replace(identity(), pid=2**22 + 1)
        dead, heir = await world.open(gone), await world.open()
        lease = await dead.control.acquire("x")
        assert (await heir.control.acquire("x")).epoch == 2
        with pytest.raises(LeaseHeldError):
            await dead.control.renew(lease)

    async def test_another_process_with_the_same_pid_does_not_pass_for_the_owner(
        self, world: World
    ) -> None:
        reused = replace(identity(), start_time=identity().start_time - 1)
        dead, heir = await world.open(reused), await world.open()
        await dead.control.acquire("x")
        assert (await heir.control.acquire("x")).epoch == 2

    async def test_an_owner_elsewhere_is_replaced_when_its_lease_expires(
        self, world: World
    ) -> None:
        far, near = await world.open(ELSEWHERE), await world.open()
        lease = await far.control.acquire("x")
        world.clock.advance(10)
        lease = await far.control.renew(lease)
        world.clock.advance(10)
        with pytest.raises(LeaseHeldError):
            await near.control.acquire("x")
        world.clock.advance(10)
        assert (await near.control.acquire("x")).epoch == 2
        with pytest.raises(LeaseHeldError):
            await far.control.renew(lease)

    async def test_who_fences_a_dead_owner_is_in_nobodys_way(self, world: World) -> None:
        gone = replace(identity(), pid=2**22 + 1)
        dead, first, second = await world.open(gone), await world.open(), await world.open()
        lease = await dead.control.acquire("x")
        fenced = await first.control.fence("x")
        assert (fenced.epoch, fenced.identity) == (2, gone)
        with pytest.raises(LeaseHeldError):
            await dead.control.renew(lease)
        assert (await second.control.fence("x")).epoch == 3  # the first may have been killed
        with pytest.raises(LeaseHeldError):
            await first.control.renew(fenced)
        assert (await first.control.acquire("x")).epoch == 4

    async def test_a_living_owner_is_not_fenced(self, world: World) -> None:
        owner, other = await world.open(), await world.open()
        await owner.control.acquire("x")
        with pytest.raises(LeaseHeldError):
            await other.control.fence("x")
        assert (await other.control.fence("never owned")).epoch == 1

    async def test_a_living_owner_on_this_machine_keeps_an_expired_lease(
        self, world: World
    ) -> None:
        asleep, other = await world.open(), await world.open()
        lease = await asleep.control.acquire("x")
        world.clock.advance(3600)
        with pytest.raises(LeaseHeldError):
            await other.control.acquire("x")
        assert (await asleep.control.renew(lease)).epoch == lease.epoch

    async def test_requests_reach_the_owner_once_and_in_order(self, world: World) -> None:
        process, story = await a_running(world)
        lease = await process.control.acquire(story.execution_id)
        assert list(await process.control.take_requests(lease)) == []
        other = await world.open()
        first = await other.control.request(
            story.execution_id, RequestKind.CANCEL_STEP, actor="ann", task_id="a"
        )
        second = await other.control.request(
            story.execution_id, RequestKind.APPROVE, actor="bob", arguments={"comment": "go"}
        )
        found = await process.control.take_requests(lease)
        assert [(each.request_id, each.kind, each.actor, each.task_id) for each in found] == [
            (first, RequestKind.CANCEL_STEP, "ann", "a"),
            (second, RequestKind.APPROVE, "bob", None),
        ]
        assert dict(found[1].arguments) == {"comment": "go"}
        assert dict(found[0].arguments) == {}
        assert list(await process.control.take_requests(lease)) == []

    async def test_a_request_without_an_outcome_comes_again_to_the_next_owner(
        self, world: World
    ) -> None:
        process, story = await a_running(world)
        lease = await process.control.acquire(story.execution_id)
        first = await process.control.request(story.execution_id, RequestKind.PAUSE, actor="ann")
        second = await process.control.request(story.execution_id, RequestKind.RESUME, actor="ann")
        assert len(await process.control.take_requests(lease)) == 2
        done = RequestOutcome(request_id=first, done=True)
        await process.journal.submit(replace(story.begin("a").batch(), outcomes=[done]))
        await process.control.release(lease)
        again = await process.control.acquire(story.execution_id)
        found = await process.control.take_requests(again)
        assert [each.request_id for each in found] == [second]
        assert list(await process.control.take_requests(again)) == []

    async def test_requests_are_kept_from_a_former_owner(self, world: World) -> None:
        process, story = await a_running(world)
        far = await world.open(ELSEWHERE)
        old = await far.control.acquire(story.execution_id)
        world.clock.advance(60)
        new = await process.control.acquire(story.execution_id)
        await process.control.request(story.execution_id, RequestKind.CANCEL, actor="ann")
        with pytest.raises(LeaseHeldError):
            await far.control.take_requests(old)
        assert len(await process.control.take_requests(new)) == 1

    async def test_nothing_is_asked_of_what_is_not_there_or_has_ended(self, world: World) -> None:
        process, story = await a_running(world)
        with pytest.raises(NotFoundError):
            await process.control.request("no-such", RequestKind.CANCEL, actor="ann")
        await process.journal.submit(story.finish())
        with pytest.raises(ConflictError):
            await process.control.request(story.execution_id, RequestKind.CANCEL, actor="ann")
