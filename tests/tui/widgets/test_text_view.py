"""Text that is folded to the window: every word of it can be read."""

from textual.app import App, ComposeResult

from tui.widgets.base.text_view import TextView, broken_between_entries

WIDTH, HEIGHT = 34, 6


class OneText(App[None]):
    """An application with nothing but a text."""

    def compose(self) -> ComposeResult:
        """Compose the text."""
        yield TextView(id="text")


async def test_no_word_is_lost_to_the_column_of_the_scroll_bar() -> None:
    """The first line fits the window into two rows, and beside a scroll bar into three."""
    app = OneText()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        view = app.query_one(TextView)
        room = view.scrollable_content_region.width
        words = "after " + "a" * (room - 2 - 6) + " " + "b" * room
        view.set_lines([[("1 ", ""), (words, "")], *([("x", "")] for _ in range(HEIGHT))])
        await pilot.pause()
        assert view.show_vertical_scrollbar
        rows = [view.row_text(row) for row in range(view.virtual_size.height)]
        assert "".join(rows).count("b") == room
        assert rows[-1] == "x"


def test_a_line_of_keys_that_is_too_wide_is_broken_between_keys() -> None:
    keys = [
        ("a ", "accent"),
        ("approve or reject  ", "muted"),
        ("r ", "accent"),
        ("retry  ", "muted"),
    ]
    assert broken_between_entries(keys, 40) == [keys]
    assert broken_between_entries(keys, 26) == [keys[:2], keys[2:]]
    rows = broken_between_entries([*keys, ("! ", "accent"), ("shell  ", "muted")], 27)
    assert ["".join(text for text, _style in row) for row in rows] == [
        "a approve or reject  ",
        "r retry  ! shell  ",
    ]
