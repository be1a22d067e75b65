"""Scripts on top of the packages: their errors as one line, as the commands print theirs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence

from sequencer.errors import USAGE, failure


def run_script(main: Callable[..., int], words: Sequence[str]) -> int:
    """Run a script's main function; return the exit code.

    An error that says what to do is printed as its line; an unforeseen one keeps its
    traceback.

    Parameters
    ----------
    main : callable
        Takes the words of the command line, and returns the exit code. The docstring of its module
        is printed where they are too few or too many.
    words : sequence of str
        ``sys.argv[1:]``.
    """
    try:
        inspect.signature(main).bind(*words)
    except TypeError:
        print(inspect.getdoc(inspect.getmodule(main)), file=sys.stderr)
        return USAGE
    try:
        return main(*words)
    except Exception as error:
        if not isinstance(error, OSError) and not hasattr(error, "exit_code"):
            raise
        message, code = failure(error)
        print(f"error: {message}", file=sys.stderr)
        return code
