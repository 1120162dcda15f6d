"""The preview of an execution below the list of home; its lines are made for its size."""

from core.ports.clock import Clock
from tui.lines.preview_lines import Keys, preview_lines
from tui.live.home.run_preview import RunPreview
from tui.widgets.base.key_bar import offered_keys
from tui.widgets.base.text_view import TextView

PREVIEW_KEYS = (
    "list.open",
    "home.approve",
    "home.retry_failed",
    "home.rerun",
    "home.cancel",
    "home.pause",
    "home.new",
    "home.compare",
    "home.history",
    "home.look_at",
    "home.edit",
    "home.mark",
    "home.copy",
)
"""The ids of the keys that the preview tells, the most useful first."""


class RunPreviewPane(TextView):
    """Shows one execution, as many lines as there is room for."""

    def __init__(self, clock: Clock, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, focusable=False)
        self._clock = clock
        self._preview: RunPreview | None = None
        self._actor = ""

    @property
    def execution_id(self) -> str | None:
        """The id of the execution that is shown."""
        return None if self._preview is None else self._preview.execution.execution_id

    def show(self, preview: RunPreview | None, actor: str) -> None:
        """Show another execution, or the same one as it is now."""
        self._preview, self._actor = preview, actor
        self._compose_lines()

    def tick(self) -> None:
        """Update times and ages."""
        if self._preview is not None:
            self._compose_lines()

    def on_resize(self) -> None:
        """Make the lines for another size."""
        self._compose_lines()
        super().on_resize()

    def _compose_lines(self) -> None:
        if self._preview is None:
            self.set_lines(())
            return
        size = self.scrollable_content_region
        self.set_lines(
            preview_lines(
                self._preview,
                width=max(1, size.width),
                height=size.height,
                actor=self._actor,
                now=self._clock.now(),
                keys=self._keys(),
            )
        )

    def _keys(self) -> Keys:
        """Return the keys that act on the execution now, as they are mapped."""
        found: dict[str, tuple[str, str]] = {}
        for binding, label in offered_keys(self.app, self.screen):
            if binding.id in PREVIEW_KEYS:
                found.setdefault(binding.id, (self.app.get_key_display(binding), label))
        return [found[name] for name in PREVIEW_KEYS if name in found]
