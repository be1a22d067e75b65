"""Write docs/cli.md: the help of every command of both programs, as they print it.

Usage: python scripts/cli_reference.py [--check]
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
import typer.main

from nsynth_batch.commands.program import app as nsynth_batch
from sequencer.commands.program import app as sequencer

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
WIDTH = 80
HEADER = """# Command line

Every command of `nsynth-batch` and `sequencer`, as `--help` prints it.
`python scripts/cli_reference.py` writes this page, and a test compares it.
"""


def reference() -> str:
    """Return the page."""
    programs: dict[str, typer.Typer] = {
        "nsynth-batch": nsynth_batch,
        "sequencer": sequencer,
    }
    sections = [HEADER]
    for program, app in programs.items():
        for words in ((), *command_words(typer.main.get_command(app))):
            text = help_text(app, program, words)
            title = " ".join([program, *words])
            sections.append(f"{'#' * (2 + len(words))} `{title}`\n\n```\n{text}\n```\n")
    return "\n".join(sections)


def command_words(group: Any) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command of a group, and of the groups below it."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        yield (name,)
        if hasattr(command, "commands"):
            yield from ((name, *words) for words in command_words(command))


def help_text(app: typer.Typer, program: str, words: Sequence[str]) -> str:
    """Return what a command prints for --help in a terminal of WIDTH columns."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        app([*words, "--help"], prog_name=program, standalone_mode=False)
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def main(arguments: list[str]) -> int:
    """Write the page, or find out whether it is as it should be."""
    os.environ["COLUMNS"] = os.environ["TERMINAL_WIDTH"] = str(WIDTH)
    page = reference()
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == page else 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
