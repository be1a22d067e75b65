"""The quarantine of harvests: what a source names and cannot be taken, and why.

Reasons stand where they are found: those of sound in sequencer/audio/recording.py.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from nsynth_batch.sources.source import BadRecording

FOLDER = "quarantine/harvest"


class HarvestQuarantine:
    """What harvests quarantined; files are only added, and the latest line on a name stands.

    Parameters
    ----------
    storage : Storage
        The store's.

    Raises
    ------
    UsageError
        If a file of it is damaged.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._waiting: list[BadRecording] = []
        self.known: dict[str, BadRecording] = {}
        for path in sorted(entry.path for entry in storage.list(FOLDER)):
            try:
                lines = storage.read_bytes(path).decode().splitlines()
                found = [BadRecording(**json.loads(line)) for line in lines]
            except (ValueError, TypeError) as error:
                raise UsageError(
                    f"{storage.url}/{path} cannot be read ({error}): delete it, and harvest again"
                ) from error
            for refusal in found:
                self._note(refusal)

    def reasons(self) -> Counter[str]:
        """Return how many names are in it by reason."""
        return Counter(refusal.reason for refusal in self.known.values())

    def add(self, refusal: BadRecording) -> None:
        """Set one aside."""
        if self.known.get(refusal.name) != refusal:
            self._note(refusal)
            self._waiting.append(refusal)

    def settle(self, name: str) -> None:
        """Take one out of quarantine: it was taken now, or its source has it no more."""
        if name in self.known:
            settled = BadRecording(name, "", "")
            self._note(settled)
            self._waiting.append(settled)

    def save(self) -> None:
        """Write what was not written yet."""
        if not self._waiting:
            return
        lines = "".join(
            json.dumps(asdict(refusal), ensure_ascii=False) + "\n" for refusal in self._waiting
        )
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        self._storage.publish(f"{FOLDER}/{stamp}-{uuid.uuid4().hex}.jsonl", lines.encode())
        self._waiting = []

    def _note(self, refusal: BadRecording) -> None:
        if refusal.reason:
            self.known[refusal.name] = refusal
        else:
            self.known.pop(refusal.name, None)
