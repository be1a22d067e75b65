"""The manifests of one dataset, and the index that saves opening each of them.

The listing of manifest names decides what exists. The index holds summaries of manifests
that exist, one line each, and is only an accelerator: lines without a manifest are ignored,
manifests without a line are opened, and a missing or damaged index is like an empty one. A shard
that is made again, because its manifest was deleted, has a manifest of the same name: so the line
of the old one must be dropped before.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from hdfs_jobs.canonical_json import canonical_json
from hdfs_jobs.datasets.gzip_lines import DAMAGED, gzip_lines, gzip_writer
from hdfs_jobs.datasets.manifest import (
    Manifest,
    Summary,
    dump_manifest,
    parse_manifest,
    parse_manifest_name,
)
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage


class Manifests:
    """The manifests under a dataset's folder.

    Parameters
    ----------
    storage : Storage
        The store's.
    dataset : str
        Path of the dataset in the store.
    """

    def __init__(self, storage: Storage, dataset: str) -> None:
        self._storage = storage
        self.folder = f"{dataset}/manifests"
        self.index = f"{dataset}/index.jsonl.gz"
        self._names: dict[int, str] | None = None
        self._opened: dict[str, Summary] = {}

    def snapshot(self) -> None:
        """List the manifests now and no more, and open each at most once for its summary.

        `compact` adds those that are published later.
        """
        self._names = self._list()

    def names(self) -> dict[int, str]:
        """Return the manifest name of each committed shard, by number in order.

        Raises
        ------
        UsageError
            Two manifests claim the same shard.
        """
        return self._list() if self._names is None else self._names

    def _list(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for entry in self._storage.list(self.folder):
            parsed = parse_manifest_name(entry.name)
            if parsed is None:
                continue
            if parsed[0] in found:
                raise UsageError(
                    f"{self._storage.url}/{self.folder}: {found[parsed[0]]} and {entry.name} both "
                    "claim one shard; keep the one that the plan under runs/plans names"
                )
            found[parsed[0]] = entry.name
        return dict(sorted(found.items()))

    def load(self, name: str) -> Manifest:
        """Read one manifest; UsageError if it was altered or is not the one its name says."""
        path = f"{self.folder}/{name}"
        where = f"{self._storage.url}/{path}"
        manifest = parse_manifest(self._storage.read_bytes(path), where)
        if manifest.summary().manifest_name != name:
            raise UsageError(f"{where}: holds the manifest of another shard; restore the file")
        return manifest

    def publish(self, manifest: Manifest) -> bool:
        """Publish a manifest; False when the shard has one already."""
        name = manifest.summary().manifest_name
        return self._storage.publish(f"{self.folder}/{name}", dump_manifest(manifest))

    def summaries(self) -> Iterator[Summary]:
        """Yield the summary of every manifest by shard number."""
        yield from self._merged({})

    def indexed(self) -> Iterator[Summary]:
        """Yield the lines of the index up to the first that is damaged."""
        try:
            with gzip_lines(self._storage, self.index) as lines:
                for line in lines:
                    yield Summary(**json.loads(line))
        except (FileNotFoundError, *DAMAGED):
            return

    def compact(self, known: Iterable[Summary] = ()) -> None:
        """Bring the index up to date, with summaries known already so as not to open those."""
        at_hand = {summary.manifest_name: summary for summary in known}
        if self._names is not None:
            more = {summary.shard: name for name, summary in at_hand.items()}
            self._names = dict(sorted((self._names | more).items()))
        packed = io.BytesIO()
        with gzip_writer(packed) as lines:
            for summary in self._merged(at_hand):
                lines.write(canonical_json(asdict(summary)) + b"\n")
        self._storage.replace(self.index, packed.getvalue())

    def forget_deleted(self) -> None:
        """Compact the index if it has lines of manifests that were deleted."""
        names = set(self.names().values())
        if any(line.manifest_name not in names for line in self.indexed()):
            self.compact()

    def _merged(self, at_hand: dict[str, Summary]) -> Iterator[Summary]:
        """Walk the listing and the index side by side: both are sorted by shard."""
        indexed = self.indexed()
        line = next(indexed, None)
        for number, name in self.names().items():
            while line is not None and line.shard < number:
                line = next(indexed, None)
            if name in at_hand:
                yield at_hand[name]
            elif line is not None and line.manifest_name == name:
                yield line
            elif name in self._opened:
                yield self._opened[name]
            else:
                summary = self.load(name).summary()
                if self._names is not None:
                    self._opened[name] = summary
                yield summary
