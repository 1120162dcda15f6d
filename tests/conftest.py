"""What holds for every test: the same examples everywhere, signals as on a terminal, few
garbage collections."""

import gc
import os
import signal

import pytest
from hypothesis import settings

# Before anything imports them: their assertions are to say what was compared.
pytest.register_assert_rewrite("tests.support.contract_control", "tests.support.contract_journal")

OBJECTS_A_COLLECTION = 20_000
"""The number of new objects after which the youngest generation is collected."""

settings.register_profile("stable", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("searching", deadline=None)
# In the background of a shell SIGINT and SIGQUIT are ignored, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

settings.load_profile("searching" if os.environ.get("MISSION_SEARCH") else "stable")


def pytest_collection_finish() -> None:
    """Let garbage collections pass over what stays: modules and tests, a million objects.

    Otherwise they are a third of the time of the tests of the screen.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS_A_COLLECTION, 20, 20)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: compressed ones hold the time, and ids must never change."""
    return argname if isinstance(val, bytes) else None
