"""Models of built-in step types that are imported when somebody asks for them."""

from importlib import import_module
from typing import Any


class LazyModel:
    """A class attribute that imports the model `module:class` on first use.

    The models need pydantic. A step whose parameters are plain runs without them
    (`core.step_type.plain_parameters`).
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._model: Any = None

    def __get__(self, instance: object, owner: type) -> Any:
        """Return the model."""
        if self._model is None:
            module, _, name = self._target.partition(":")
            self._model = getattr(import_module(module), name)
        return self._model


def lazy_model(target: str) -> Any:
    """Return a `LazyModel`, typed as the model itself is where it is declared."""
    return LazyModel(target)
