"""What is driven and how, and how it ended: what goes into a drive and what comes out of it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from core.domain.breaker_policy import BreakerPolicy
from core.domain.events import Event
from core.domain.fold import Snapshot
from core.domain.mission import EMPTY, Mission
from core.output.masker import Masker
from core.planning.cancel_scope import CancelScope
from core.planning.ending import Ending
from core.planning.recovery import AssumeLost
from core.ports.control import Slots
from core.ports.journal import Receipt
from core.runner.stop_signal import StopSignals
from core.security.policy.policies import Policies


class ArtifactPlace(Struct, frozen=True, kw_only=True):
    """The folder in which artifacts are kept, and what the settings say of their size in MiB."""

    folder: Path
    limits: Mapping[str, int] = EMPTY


class SignalReceived(Struct, frozen=True, kw_only=True):
    """A signal that stops an execution, and what it does."""

    name: str
    """The signal's name: `SIGINT` or `SIGTERM`."""
    scope: CancelScope | None
    """What the first signal stops; None for a later one, which kills what is left."""


class DrivePlan(Struct, frozen=True, kw_only=True):
    """An execution, the mission it was made from, and what its runner needs to drive it."""

    mission: Mission
    snapshot: Snapshot
    working_dir: Path
    actor: str
    environ: Mapping[str, str]
    version: str
    """The version of the program, recorded with the start and the end of the engine."""
    protected: tuple[Path, ...] = ()
    """Files and folders that no file step may touch."""
    slots: Slots | None = None
    data_folder: Path | None = None
    """The folder of the database, whose free disk the circuit breaker watches."""
    breaker: Mapping[str, Any] = EMPTY
    """What the settings say of a `BreakerPolicy`; the keys of the mission take precedence."""
    artifacts: ArtifactPlace | None = None
    """Where the artifacts of steps are kept, and how much; None where none can be."""
    assume_lost: AssumeLost | None = None
    """What to do with lost attempts; None refuses where one of them must not be repeated."""
    is_launched: bool = False
    """The process that started this one created the execution and holds its lease for it."""
    observer: Callable[[Sequence[Event], tuple[str, ...]], None] | None = None
    """Called with events once they are durable, those of sub-missions too, and with `above`."""
    above: tuple[str, ...] = ()
    tree: str | None = None
    """The execution that this one is a part of, however far above; None for one of its own."""
    """The titles of the steps that run this as a sub-mission, outermost first."""
    on_ready: Callable[[], None] | None = None
    """Called once the lease is held and the execution is about to run."""
    signals: StopSignals = field(default_factory=StopSignals)
    """Entered earlier by whoever created the execution."""
    masker: Masker = field(default_factory=Masker)
    """Masks the secrets that steps have read, those of sub-missions too."""
    policies: Policies | None = None
    """The policies in force for the execution and its sub-missions; None: they are read."""
    hidden: frozenset[str] = frozenset()
    """Variables of `environ` that hold secrets of the executions above: no step inherits them."""
    on_signal: Callable[[SignalReceived], None] | None = None
    """Called when a signal has stopped or killed something."""


class Driven(Struct, frozen=True, kw_only=True):
    """How a drive ended: the ending, the proof of the last commit, the signal that stopped it."""

    ending: Ending
    receipt: Receipt | None
    signal: int | None


def breaker_policy(plan: DrivePlan) -> BreakerPolicy:
    """Return when the circuit breaker opens: what the mission says, else the settings."""
    return BreakerPolicy(**{**plan.breaker, **plan.mission.config.breaker})
