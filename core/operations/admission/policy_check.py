"""Asks the policies about what a person does: launching, answering, retrying, cancelling.

What they deny is in the audit log before the person is told. Attempts are asked about elsewhere, by
`core.security.policy.policy_gate`.
"""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from msgspec.structs import replace

from core.domain.events import Noted
from core.domain.fold import Snapshot
from core.domain.mission import EMPTY
from core.domain.records import Execution
from core.errors import PolicyViolationError
from core.operations.site import OpenStore, Site
from core.ports.control import RequestKind
from core.recording.recorder import Recorder
from core.security.policy import policy_request
from core.security.policy.policies import Policies, Verdict
from core.security.policy.policy_request import PolicyRequest

if TYPE_CHECKING:
    from core.launch.order import Order


def folder_of(source_path: str | None, working_dir: str) -> Path:
    """Return the folder whose project a mission belongs to: that of its file, if it has one."""
    return Path(working_dir) if source_path is None else Path(source_path).parent


def policies_of(site: Site, order: "Order") -> Policies:
    """Return the policies for an ordered run; `PolicyFileError` where they cannot be used."""
    return site.policies(folder_of(order.source_path, order.working_dir))


async def admit(
    site: Site, policies: Policies, order: "Order", *, store: OpenStore | None = None
) -> "Order":
    """Return the order with the hashes of the policies that let its execution be created.

    A retry must be allowed as such, too. What a policy that only warns would deny goes with the
    order. Raises `PolicyViolationError`.
    """
    warnings = []
    for request in () if policies.is_empty else requests_for(order):
        verdict = policies.decide(request)
        if verdict.is_denied:
            await _deny(site, request, verdict, store=store)
        elif not verdict.is_allowed:
            warnings.append(verdict.facts(request))
    return replace(order, policies=policies.hashes, warnings=tuple(warnings))


def requests_for(order: "Order") -> Iterator[PolicyRequest]:
    """Yield what policies are asked about an ordered execution."""
    mission, digest = order.mission.name, order.source.digest
    left_out = order.unselected | order.reuse.keys()
    steps = [step for step in order.mission.all_steps if step.id not in left_out]
    yield policy_request.launch_request(
        mission,
        mission_sha256=digest,
        file=order.source_path or "",
        kind=_kind(order),
        secrets=[name for step in steps for name in step.secret_names],
    )
    if order.retry_of is not None and order.parent_execution_id is None:
        retried = [step.id for step in steps]
        yield policy_request.retry_request(mission, mission_sha256=digest, steps=retried)


_NEVER_ASKED_ABOUT = frozenset(
    {
        RequestKind.PAUSE,
        RequestKind.RESUME,
        RequestKind.HOLD,
        RequestKind.RELEASE,
        RequestKind.SET_BREAKPOINT,
        RequestKind.CLEAR_BREAKPOINT,
    }
)


async def require_request(
    site: Site,
    execution: Execution,
    kind: RequestKind,
    task_id: str | None,
) -> Verdict | None:
    """Ask whether a request may be left for the runner of an execution.

    Return the verdict where a policy that only warns denies it. Raises `PolicyViolationError`, and
    `PolicyFileError` where no policy can be asked. Pausing, resuming, holding, releasing
    and breakpoints are not asked about.
    """
    mission, digest, step = execution.mission_name, execution.mission_digest, task_id or ""
    if kind in _NEVER_ASKED_ABOUT:
        return None
    policies = site.policies(folder_of(execution.source_path, execution.working_dir))
    if policies.is_empty:
        return None
    if kind in {RequestKind.APPROVE, RequestKind.REJECT}:
        request = policy_request.answer_request(
            mission, mission_sha256=digest, step=step, answer=kind.value
        )
    elif kind is RequestKind.RETRY:
        request = policy_request.retry_request(mission, mission_sha256=digest, steps=[step])
    else:
        request = policy_request.cancel_request(mission, mission_sha256=digest, step=step)
    verdict = policies.decide(request)
    if verdict.is_allowed:
        return None
    about = {"execution": execution.execution_id}
    if task_id is not None:
        about["step"] = task_id
    if verdict.is_denied:
        await _deny(site, request, verdict, about)
    else:
        await _record(site, request, verdict, about)
    return verdict


async def _deny(
    site: Site,
    request: PolicyRequest,
    verdict: Verdict,
    about: Mapping[str, str] = EMPTY,
    *,
    store: OpenStore | None = None,
) -> NoReturn:
    await _record(site, request, verdict, about, store=store)
    raise PolicyViolationError(
        f"{request.action} of `{request.mission}` is denied: {verdict.sentence}",
        rules=verdict.rules,
        hint=verdict.hint,
    )


async def _record(
    site: Site,
    request: PolicyRequest,
    verdict: Verdict,
    about: Mapping[str, str],
    *,
    store: OpenStore | None = None,
) -> None:
    """Commit the event of a verdict, which is no part of the records of an execution."""
    facts = {**verdict.facts(request), "mission": request.mission, **about}
    kind = "policy.violation" if verdict.is_denied else "policy.warning"
    note = Noted(at=site.clock.now(), execution_id="", actor=site.actor, kind=kind, facts=facts)
    async with site.open_store() if store is None else nullcontext(store) as opened:
        recorder = Recorder(Snapshot(), opened.journal)
        recorder.emit(note)
        await recorder.commit()


def _kind(order: "Order") -> str:
    if order.parent_execution_id is not None:
        return "sub_mission"
    if order.retry_of is not None:
        return "retry"
    return "run" if order.rerun_of is None else "rerun"
