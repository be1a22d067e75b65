"""The time limit of a block, in processes that it may end."""

from __future__ import annotations

import multiprocessing
import sys
import time
from pathlib import Path

from hdfs_jobs.runs.time_limit import TIMED_OUT, time_limit

LIMIT = 0.3


def block(seconds: float, record: Path) -> None:
    """Keep a block busy, and the interpreter to itself, for so long."""
    # The watchdog's thread gets its turn only when the main thread sleeps, which is at the end.
    sys.setswitchinterval(60.0)
    with time_limit(LIMIT, record.touch):
        time.sleep(0.1)  # the watchdog's thread begins
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass
    time.sleep(0.5)  # the watchdog's thread gets its turn at last


def hang(record: Path) -> None:
    with time_limit(LIMIT, record.touch):
        time.sleep(60)  # far beyond the limit


def ended(target: object, *args: object) -> int | None:
    process = multiprocessing.get_context("forkserver").Process(target=target, args=args)
    process.start()
    process.join(30)
    return process.exitcode


def test_a_block_that_hangs_is_ended_and_recorded(tmp_path: Path) -> None:
    assert ended(hang, tmp_path / "record") == TIMED_OUT
    assert (tmp_path / "record").exists()


def test_a_block_that_has_ended_is_not_blamed(tmp_path: Path) -> None:
    assert ended(block, 2 * LIMIT, tmp_path / "record") == 0
    assert not (tmp_path / "record").exists()
