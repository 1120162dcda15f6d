"""Requests for the same work: one run at a time, and nothing left of one that never began."""

import gc

from textual.app import App

from tui.live.coalescing_worker import CoalescingWorker


async def test_requests_made_during_a_run_cause_one_further_run() -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            worker.request()
            worker.request()

    app: App[None] = App()
    worker = CoalescingWorker(work, app.run_worker)
    async with app.run_test():
        worker.request()
        await app.workers.wait_for_complete()
    assert runs == 2


async def test_a_run_that_is_cancelled_before_it_begins_leaves_no_coroutine_behind() -> None:
    """One that was never awaited warns when it is collected, and warnings are errors here."""

    async def work() -> None:
        raise AssertionError("it was cancelled before")

    app: App[None] = App()
    worker = CoalescingWorker(work, app.run_worker)
    async with app.run_test():
        worker.request()
        app.workers.cancel_all()
    gc.collect()
