"""How a log looks: the colours of the step in the theme's, records, severity, gaps in time."""

from textual.strip import Strip

from tests.support.tui import running, screen_text, wait_for_text, wait_until
from tests.tools.log_world import a_colourful_import
from tui.look.theme import theme_styles
from tui.widgets.log.log_pane import LogPane


def colours_of(pane: LogPane, text: str) -> set[str]:
    """Return the colours in which the log draws a text."""
    strips: list[Strip] = [pane.render_line(y) for y in range(pane.size.height)]
    return {
        segment.style.color.name
        for strip in strips
        for segment in strip
        if segment.text.strip().startswith(text)
        and segment.style is not None
        and segment.style.color is not None
    }


async def test_a_log_is_read_by_its_colours_levels_and_gaps_and_copied_plain() -> None:
    backend, run = a_colourful_import()
    async with running(backend, size=(120, 40), start=run) as pilot:
        await wait_for_text(pilot, "load-orders 3.2  batch size 500", "── 42s later ──")
        await wait_for_text(pilot, "WARN  slow query  took_ms=4210 table=orders")
        pane = pilot.app.screen.query_one(LogPane)
        styles = theme_styles(pilot.app)
        assert styles.good.color is not None
        assert styles.bad.color is not None
        assert styles.warn.color is not None
        assert colours_of(pane, "ok") == {styles.good.color.name}
        assert colours_of(pane, "psycopg") == {styles.bad.color.name}
        assert colours_of(pane, "WARNING: 3") == {styles.warn.color.name}
        await pilot.press("l", "C")
        await wait_until(pilot, lambda: colours_of(pane, "ok") == colours_of(pane, "load-orders"))
        await pilot.press("J")
        await wait_for_text(pilot, '{"level": "warn", "msg": "slow query", "took_ms": 4210')
        await pilot.press("J", "C", "W", "y")
        assert "\x1b" not in pilot.app.clipboard
        assert "load-orders 3.2  batch size 500" in pilot.app.clipboard
        await pilot.press("T", "T", "T")  # a theme of the terminal's own colours
        await wait_until(pilot, lambda: colours_of(pane, "ok") == {"green"})
        assert "\x1b" not in screen_text(pilot.app)
