"""Where YAML events come from: libyaml's parser, or PyYAML's own where it was built without."""

from collections.abc import Callable
from typing import Any

import yaml

EventParser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def event_source(text: str) -> Callable[[], Any]:
    """Return a function that gives the next event of `text`, at the end None.

    Neither parser recurses into nested collections: their nesting is as deep as the caller likes.
    """
    source: Callable[[], Any] = EventParser(text).get_event
    return source
