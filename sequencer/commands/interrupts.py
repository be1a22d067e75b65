"""An interrupt that is not lost where libsndfile calls back."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_RETRY_SECONDS = 0.005


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt, but not inside a callback of soundfile.

    What is raised there is printed and dropped, so the signal comes again a little later. Only the
    main thread can handle signals; in any other one this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGVTALRM)
    }
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    soundfile = sys.modules.get("soundfile")
    while soundfile is not None and frame is not None:
        code = frame.f_code
        if code.co_filename == soundfile.__file__ and code.co_name.startswith("vio_"):
            signal.setitimer(signal.ITIMER_VIRTUAL, _RETRY_SECONDS)
            return
        frame = frame.f_back
    raise KeyboardInterrupt
