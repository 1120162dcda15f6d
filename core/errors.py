"""The exceptions that end a command, as a tree; `tui.cli` turns them into text.

A failed step is data and raises none of these.

MissionDeckError
├── MissionInvalidError        exit 3   the mission file does not validate
├── UsageError                 exit 2   a value given by the user is wrong
├── NotFoundError              exit 4   no execution, step or file of that name
│   └── AmbiguousError         exit 4   more than one execution has that prefix
├── CancelledError             exit 5   cancelled, rejected or denied by policy
│   ├── UntrustedFileError     exit 5   a file of the operator that others can change
│   ├── PolicyFileError        exit 5   a policy that cannot be used: nothing is started
│   └── PolicyViolationError   exit 5   a policy does not allow it
├── WaitTimeoutError           exit 6   waiting for an execution timed out
├── ConflictError              exit 7   already running, already ended
│   └── LeaseHeldError         exit 7   another live runner owns the execution
├── AuditError                 exit 8   the chain does not verify
├── UnavailableError           exit 9   the database or an executor cannot be used
│   ├── OlderFormatError       exit 9   the database is of an older version of Mission Deck
│   └── StepTypeLoadError      exit 9   the package of a step type cannot be loaded
└── BugError                   exit 70  a broken invariant; never caught, always reported
    └── IllegalTransitionError
"""


class MissionDeckError(Exception):
    """Base of all errors that end a command; `hint` says what to do next."""

    exit_code = 1
    code = "ERROR"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MissionDeckError):
    """Raised when an option or parameter given on the command line has a wrong value."""

    exit_code = 2
    code = "USAGE"


class MissionInvalidError(MissionDeckError):
    """Raised when a mission that does not validate is to run; carries its diagnostics."""

    exit_code = 3
    code = "MISSION_INVALID"

    def __init__(
        self, message: str, diagnostics: tuple[object, ...] = (), *, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = diagnostics


class NotFoundError(MissionDeckError):
    """Raised when a reference names nothing that exists."""

    exit_code = 4
    code = "NOT_FOUND"


class AmbiguousError(NotFoundError):
    """Raised when a prefix or name matches several executions."""

    code = "AMBIGUOUS"


class CancelledError(MissionDeckError):
    """Raised when the requested operation was cancelled, rejected or denied by policy."""

    exit_code = 5
    code = "CANCELLED"


class UntrustedFileError(CancelledError):
    """Raised for a file or folder of the operator that cannot be trusted: nothing is started."""

    code = "UNTRUSTED_FILE"


class PolicyFileError(CancelledError):
    """Raised for a policy that is wrong or cannot be read: nothing is started."""

    code = "POLICY_INVALID"


class PolicyViolationError(CancelledError):
    """Raised when a policy does not allow what was asked for; `rules` are the ids that say so."""

    code = "POLICY_VIOLATION"

    def __init__(
        self, message: str, *, rules: tuple[str, ...] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.rules = rules


class WaitTimeoutError(MissionDeckError):
    """Raised when waiting for an execution timed out; the execution itself continues."""

    exit_code = 6
    code = "WAIT_TIMEOUT"


class ConflictError(MissionDeckError):
    """Raised when the state of an execution does not allow what was requested."""

    exit_code = 7
    code = "CONFLICT"


class LeaseHeldError(ConflictError):
    """Raised when another live runner owns the execution."""

    code = "LEASE_HELD"


class AuditError(MissionDeckError):
    """Raised when the audit chain does not verify or cannot be extended."""

    exit_code = 8
    code = "AUDIT"


class UnavailableError(MissionDeckError):
    """Raised when the database, its keys or an executor cannot be used."""

    exit_code = 9
    code = "UNAVAILABLE"


class OlderFormatError(UnavailableError):
    """Raised when a database was written by an older version and has to be migrated first."""

    code = "OLDER_FORMAT"


class StepTypeLoadError(UnavailableError):
    """Raised when an installed package offers a step type that cannot be loaded."""

    code = "STEP_TYPE_LOAD"


class BugError(MissionDeckError):
    """Raised when an invariant of the program is broken. Never caught, always reported."""

    exit_code = 70
    code = "BUG"


class IllegalTransitionError(BugError):
    """Raised when an event requests a transition that the table does not have."""
