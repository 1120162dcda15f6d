"""The console script. It answers `--version` before anything is imported that costs time."""

import sys


def entry() -> None:
    """Run the command line of this process and exit with its code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from tui.cli.version import VERSION

        sys.stdout.write(f"mission {VERSION}\n")
        return
    from tui.cli.process import run

    sys.exit(run(arguments))
