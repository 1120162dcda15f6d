"""Checks that the environment files of a mission are there and can be read, before it is launched.

Those of steps are left to their attempts: an earlier step may write them.
"""

from pathlib import Path

from core.domain.mission import Mission, MissionSource
from core.mission_file.finding.code import Code
from core.mission_file.finding.diagnostic import Diagnostic
from core.mission_file.finding.problem import Problems
from core.mission_file.finding.source_text import decode
from core.mission_file.including.joined_source import first_file
from core.mission_file.load import guess_format, locator
from core.security.env_file import EnvFileError, read_env_files


def env_file_problems(
    mission: Mission, source: MissionSource, name: str, folder: Path
) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the environment files of the mission, where it names them."""
    problems = Problems()
    for index, file in enumerate(mission.env_files):
        try:
            read_env_files(folder, (file,))
        except EnvFileError as error:
            problems.error(
                Code.BAD_VALUE,
                str(error),
                ("env_files", index),
                hint="write the file, or leave it out of `env_files`",
            )
    if problems.is_empty:
        return ()
    own = first_file(source.content)
    text = decode(own)
    return problems.diagnostics(name, text, locator(guess_format(source.name, own), text))
