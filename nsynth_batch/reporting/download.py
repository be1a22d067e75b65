"""Draws a download: a bar on a terminal, plain lines elsewhere. All of it on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from nsynth_batch.text import size

_SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def download_report(stream: TextIO | None = None) -> Iterator[Callable[[int, int | None], None]]:
    """Return what draws a download, from the bytes that are there and, where known, all of them.

    Parameters
    ----------
    stream : TextIO, optional
        Standard error unless another is named: a bar on a terminal, elsewhere a line now and then.
    """
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _DownloadLines(stream)
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task("download", total=None)
        yield lambda have, total: progress.update(task, completed=have, total=total)


class _DownloadLines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last_line = time.monotonic()

    def __call__(self, have: int, total: int | None) -> None:
        if have != total and time.monotonic() - self._last_line < _SECONDS_BETWEEN_LINES:
            return
        self._last_line = time.monotonic()
        of = "" if total is None else f" of {size(total)}"
        print(f"{size(have)}{of}", file=self._stream, flush=True)
