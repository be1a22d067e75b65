"""A pod's log: each line once, whatever breaks on the way."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import urllib3

from nsynth_batch.submit.api import Api
from nsynth_batch.submit.job_manifest import CONTAINER

_DISORDER = timedelta(seconds=5)
"""How much later than its time a line may come: both streams of a container are written to one
log, and its lines can be asked for by whole seconds only."""

_BLOCK = 1 << 16


class Tail:
    """What was read of a log, as far as it may have to be read again.

    Each line begins with the time that it was written, so a reader who was cut off asks for what
    was written since shortly before, and leaves out what it knows. Two lines of one text and one
    nanosecond are two: they are counted.
    """

    def __init__(self) -> None:
        self._latest: datetime | None = None
        self._recent: deque[tuple[datetime, bytes]] = deque()
        self._again: Counter[bytes] = Counter()
        self._from: datetime | None = None

    @property
    def since(self) -> datetime | None:
        """From when on the log has to be read; None asks for all of it."""
        return None if self._latest is None else self._latest - _DISORDER

    def resume(self) -> None:
        """Begin to read anew from `since`."""
        self._again = Counter(line for _, line in self._recent)
        self._from = self.since

    def take(self, line: bytes) -> str | None:
        """Return the text of a line, or None if it was returned before.

        Parameters
        ----------
        line : bytes
            As the API sends it with timestamps, without its line end.
        """
        if self._again[line]:
            self._again[line] -= 1
            return None
        stamp, _, text = line.partition(b" ")
        try:
            written = datetime.fromisoformat(stamp.decode("ascii")).astimezone(UTC)
        except ValueError:
            text, written = line, self._latest or datetime.min.replace(tzinfo=UTC)
        written = written.replace(microsecond=0)
        if self._from is not None and written < self._from:
            return None
        if self._latest is None or written > self._latest:
            self._latest = written
            while self._recent and self._recent[0][0] < written - _DISORDER:
                self._recent.popleft()
        self._recent.append((written, line))
        return text.decode("utf-8", "replace")


def read_log(api: Api, path: str, tail: Tail, *, follow: bool) -> Generator[str]:
    """Read what is new in a pod's log.

    Parameters
    ----------
    api : Api
        The cluster.
    path : str
        Of the pod.
    tail : Tail
        What was read before.
    follow : bool
        Whether to stay until the log ends, or the connection does: the two look alike.

    Yields
    ------
    str
        Lines without their ends.

    Raises
    ------
    Refused, Unreachable
        If the log cannot be read at all.
    """
    query = {"container": CONTAINER, "timestamps": "true", "follow": str(follow).lower()}
    if tail.since is not None:
        query["sinceTime"] = tail.since.strftime("%Y-%m-%dT%H:%M:%SZ")
    response = api.stream(f"{path}/log", query)
    tail.resume()
    rest = b""
    whole = False
    try:
        while data := response.read1(_BLOCK):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if (text := tail.take(line)) is not None:
                    yield text
        whole = True
    except urllib3.exceptions.HTTPError as error:
        if not follow:
            raise api.unreachable(error) from error
    finally:
        response.close()
    # A line without an end is the last one, or one that was cut and will be read again.
    if rest and whole and not follow and (text := tail.take(rest)) is not None:
        yield text
