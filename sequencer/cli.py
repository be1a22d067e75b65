"""The command `sequencer`: finds the command that is meant, and ends with its exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import typer

from sequencer.commands import audition, compose, credits, export, pictures, render
from sequencer.commands.interrupts import heard_interrupts
from sequencer.errors import SequencerError, exit_code_of
from sequencer.text import flattened

_UNEXPECTED = 1
_INTERRUPTED = 130

app = typer.Typer(
    name="sequencer",
    help="Stitch clips into compositions, with every source credited.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for group in (audition, compose, credits, export, pictures, render):
    group.register(app)


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
        what may pass, such as a full disk; 130 when interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        with heard_interrupts():
            result = app(given, prog_name="sequencer", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        # Where an error of the parser came up helps nobody.
        if "--verbose" in given and not hasattr(error, "format_message"):
            traceback.print_exc()
        message, code = _failure(error)
        print(f"sequencer: {message}", file=sys.stderr)
        return code
    if result == _INTERRUPTED:
        # The parser keeps the interrupt to itself, and its exit code only comes through.
        print(f"sequencer: {_failure(KeyboardInterrupt())[0]}", file=sys.stderr)
    return result if isinstance(result, int) else 0


def _failure(error: BaseException) -> tuple[str, int]:
    """Find line and exit code of an error."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; what was there before stands as it was", _INTERRUPTED
    # The parser's own errors put their words together when asked.
    format_message = getattr(error, "format_message", None)
    if callable(format_message):
        message = flattened(format_message()).rstrip(".")
        return f"{message}; see `sequencer --help`", SequencerError.exit_code
    message = flattened(str(error))
    if isinstance(error, SequencerError):
        return message, error.exit_code
    if isinstance(error, OSError):
        code = exit_code_of(error)
        what_to_do = (
            "check its name and rights" if code == SequencerError.exit_code else "try again"
        )
        named = error.filename is not None and error.strerror is not None
        words = f"{error.filename}: {error.strerror}" if named else message
        return f"{flattened(words)}; {what_to_do}", code
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" in {last[0].name}, line {last[0].lineno} of {last[0].filename}" if last else ""
    return (
        f"unexpected {type(error).__name__}{place}: {message}; --verbose shows the traceback",
        _UNEXPECTED,
    )
