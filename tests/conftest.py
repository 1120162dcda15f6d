"""What holds for every test: properties try the same examples wherever the suite must be stable."""

import os

from hypothesis import settings

settings.register_profile("stable", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile("searching" if os.environ.get("MISSION_SEARCH") else "stable")
