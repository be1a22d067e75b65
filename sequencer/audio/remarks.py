"""What decoders print to stderr of their own accord, kept off it."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

_STDERR = 2
_REMARK = re.compile(rb"^(Note|Warning|Error|Verbose|\[[\w./-]+:\w+\(?\)?:\d+\])", re.IGNORECASE)
_lock = threading.Lock()
_depth = 0
_saved = -1
_held: IO[bytes] | None = None


@contextmanager
def without_remarks() -> Iterator[None]:
    """Keep mpg123's remarks off stderr while it decodes; what others print comes after all.

    mpg123 writes straight to the process's stderr, where the lines of a log in JSON may go, and
    libsndfile has no switch for it. Threads may be in it at the same time.
    """
    global _depth, _saved, _held
    with _lock:
        _depth += 1
        if _depth == 1:
            _saved, _held = _redirect()
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and _held is not None:
                _restore(_saved, _held)
                _held = None


def _redirect() -> tuple[int, IO[bytes] | None]:
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    try:
        saved = os.dup(_STDERR)
    except OSError:
        # Without a stderr there is nothing to keep clean.
        return -1, None
    held = tempfile.TemporaryFile()  # noqa: SIM115 - closed when stderr is given back
    os.dup2(held.fileno(), _STDERR)
    return saved, held


def _restore(saved: int, held: IO[bytes]) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os.dup2(saved, _STDERR)
    os.close(saved)
    with held:
        held.seek(0)
        for line in held:
            if line.strip() and not _REMARK.match(line):
                with suppress(OSError):
                    os.write(_STDERR, line)
