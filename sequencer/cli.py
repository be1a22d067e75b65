"""The entry point of `sequencer`; light, so that an interrupt is one line from the start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sequencer.commands.run_app import run_app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; whatever goes wrong is one line on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code: 0; 1 for an error of this program; 2 for arguments, files and paths; 75 for
        what can pass by itself, such as a full disk; 130 when interrupted.
    """
    return run_app(_load, "sequencer", arguments)


def _load() -> Any:
    from sequencer.commands.program import app

    return app
