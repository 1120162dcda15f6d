"""The source of YAML events: libyaml's parser, or PyYAML's own if built without libyaml."""

from collections.abc import Callable
from typing import Any

import yaml

EventParser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def event_source(text: str) -> Callable[[], Any]:
    """Return a function that returns the next event of `text`, None at the end.

    Neither parser recurses into nested collections, so the caller sets the depth limit.
    """
    source: Callable[[], Any] = EventParser(text).get_event
    return source
