"""Lets the user edit a recorded mission in $VISUAL or $EDITOR; the record stays as it is."""

import click

from core.domain.mission import MissionSource
from core.errors import UsageError


def edit_mission(source: MissionSource) -> bytes | None:
    """Return the mission file as the user saved it, None if it was not saved.

    Raises `UsageError` if it is no text, or the editor fails.
    """
    try:
        text = source.content.decode("utf-8")
        edited = click.edit(text, extension=f".{source.format}")
    except UnicodeDecodeError as error:
        raise UsageError("the mission is not UTF-8 and cannot be edited") from error
    except click.ClickException as error:
        raise UsageError(
            f"the mission was not edited: {error.format_message()}",
            hint="set $EDITOR to your editor",
        ) from error
    return None if edited is None or edited == text else edited.encode("utf-8")
