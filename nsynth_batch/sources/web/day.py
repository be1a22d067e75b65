"""How many recordings a day may begin, kept in the store: a list that is fetched over days."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage

PATH = "runs/harvest/per-day.json"


class DailyAllowance:
    """Counts the recordings that were begun on a day (UTC); used by a few threads at once.

    A recording is counted before it is asked for, so that a kill lets no further one through.

    Parameters
    ----------
    storage : Storage
        The store's, which keeps the count.
    most : int or None
        Recordings a day; None allows any number, and keeps no count.

    Raises
    ------
    UsageError
        If the count in the store cannot be read.
    """

    def __init__(self, storage: Storage, most: int | None) -> None:
        self._storage = storage
        self._most = most
        self._lock = threading.Lock()
        self._day, self._begun = today(), 0
        if most is not None:
            day, begun = _read(storage)
            if day == self._day:
                self._begun = begun

    @property
    def used_up(self) -> bool:
        """Whether none may begin before the next day."""
        with self._lock:
            self._turn_over()
            return self._most is not None and self._begun >= self._most

    def take(self) -> bool:
        """Count one more and keep the count; return False where the day has no more.

        Raises
        ------
        OSError
            If the storage failed.
        """
        if self._most is None:
            return True
        with self._lock:
            self._turn_over()
            if self._begun >= self._most:
                return False
            self._begun += 1
            kept = {"day": self._day.isoformat(), "begun": self._begun}
            self._storage.replace(PATH, json.dumps(kept).encode())
            return True

    def _turn_over(self) -> None:
        if (day := today()) != self._day:
            self._day, self._begun = day, 0


def today() -> date:
    """Return the day of now, UTC."""
    return datetime.now(UTC).date()


def next_day() -> str:
    """Return when the next day begins, for people."""
    return f"{today() + timedelta(days=1)} 00:00 UTC"


def _read(storage: Storage) -> tuple[date | None, int]:
    try:
        kept = json.loads(storage.read_bytes(PATH))
        return date.fromisoformat(kept["day"]), int(kept["begun"])
    except FileNotFoundError:
        return None, 0
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{storage.url}/{PATH}, the count of --per-day, cannot be read ({error!r}): delete it, "
            "and run again tomorrow so as not to ask for more than a day's number"
        ) from error
