"""A command line from its start to its exit code: what both programs do round their commands.

Nothing is imported here before `run_app` can catch an interrupt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any


def run_app(
    load: Callable[[], Any],
    name: str,
    arguments: Sequence[str] | None = None,
    rewrite: Callable[[list[str]], list[str]] = lambda words: words,
) -> int:
    """Run a command line; whatever goes wrong is one line on stderr.

    Parameters
    ----------
    load : callable
        Imports the program and returns it.
    name : str
        What the program is called.
    arguments : sequence of str, optional
        Without the program's name; those of the process by default. Without any, help is shown.
    rewrite : callable, optional
        Changes the arguments to what the parser takes.

    Returns
    -------
    int
        The exit code, of the one table in `sequencer.errors`.
    """
    try:
        return _run(load, name, arguments, rewrite)
    except KeyboardInterrupt:
        from sequencer.errors import failure

        return _end(name, *failure(KeyboardInterrupt()))


def _run(
    load: Callable[[], Any],
    name: str,
    arguments: Sequence[str] | None,
    rewrite: Callable[[list[str]], list[str]],
) -> int:
    from sequencer.commands.interrupts import deferred_interrupts
    from sequencer.errors import INTERRUPTED, failure

    app = load()
    _print_whatever_the_encoding()
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        with deferred_interrupts():
            result = app(rewrite(given), prog_name=name, standalone_mode=False)
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        # Where the parser found an error helps no one.
        if "--verbose" in given and not hasattr(error, "format_message"):
            import traceback

            traceback.print_exc()
        return _end(name, *failure(error))
    if result == INTERRUPTED:
        # The parser keeps the interrupt to itself; only its exit code comes through.
        return _end(name, *failure(KeyboardInterrupt()))
    return result if isinstance(result, int) else 0


def _end(name: str, message: str, exit_code: int) -> int:
    print(f"{name}: {message}", file=sys.stderr)
    return exit_code


def _print_whatever_the_encoding() -> None:
    """Escape what the terminal's encoding does not hold: a title may be in any script."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")
