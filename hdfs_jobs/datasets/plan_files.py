"""The plan of a dataset on storage: numbered files, each a gzip of JSON lines.

A file holds the shards that one run added. Its header carries the SHA-256 of the whole and that
of the file before, so a plan that was altered, or that lost a file, is refused. The names are
numbers alone: of two runs that plan at the same moment only one can publish the next.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import IO

from hdfs_jobs.canonical_json import canonical_json
from hdfs_jobs.datasets.gzip_lines import DAMAGED, gzip_lines, gzip_writer
from hdfs_jobs.datasets.plan import Item, Shard, Shards, group
from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.storage.base import Storage

FORMAT = 1
SPOOL_BYTES = 1 << 24
_NAME = re.compile(r"(\d{6,})\.jsonl\.gz")


@dataclass(frozen=True, slots=True)
class Header:
    """First line of a plan file; `sha256` covers the other fields and the shards."""

    dataset: str
    number: int
    first: int
    shards: int
    items: int
    previous: str
    format: int = FORMAT
    sha256: str = ""

    def hashed_with(self, body: bytes) -> str:
        """Return the SHA-256 of this header and a body of which the digest is given."""
        content = {**asdict(self), "sha256": ""}
        return hashlib.sha256(canonical_json(content) + body).hexdigest()


class PlanFiles:
    """All plan files of one dataset.

    Parameters
    ----------
    storage : Storage
        The store's.
    dataset : str
        Path of the dataset in the store.
    """

    def __init__(self, storage: Storage, dataset: str) -> None:
        self._storage = storage
        self._dataset = dataset
        self.folder = f"runs/plans/{dataset}"
        self._checked: list[Header] = []
        self._digests: dict[int, str] = {}

    def headers(self) -> list[Header]:
        """Return the headers in order, every file checked once.

        Raises
        ------
        UsageError
            A file is missing, damaged, altered, or of another dataset.
        """
        names = (_NAME.fullmatch(entry.name) for entry in self._storage.list(self.folder))
        numbers = sorted(int(name[1]) for name in names if name)
        if numbers != list(range(len(numbers))):
            raise UsageError(f"{self._where('')}: a plan file is missing; restore it")
        for number in numbers[len(self._checked) :]:
            self._checked.append(self._check(number))
        return list(self._checked)

    def next_shard(self) -> int:
        """Return the number that the next shard will have: how many are planned."""
        headers = self.headers()
        return headers[-1].first + headers[-1].shards if headers else 0

    def shards(self, skip: frozenset[int] | None = None) -> Iterator[Shard]:
        """Yield the planned shards by number, without parsing those to skip."""
        for header in self.headers():
            with gzip_lines(self._storage, self._path(header.number)) as lines:
                lines.readline()
                for number, line in enumerate(lines, start=header.first):
                    if skip is None or number not in skip:
                        yield Shard.from_line(line)

    def digests(self) -> dict[int, str]:
        """Return the input digest of each planned shard, by number."""
        self.headers()
        return self._digests

    def append(
        self, items: Iterable[Item], per_shard: int, *, again: bool = False, dry_run: bool = False
    ) -> Shards:
        """Plan the items that are not planned yet, or `again`, as new shards at the end.

        Raises
        ------
        InfrastructureError
            Another run planned at the same moment.
        """
        headers = self.headers()
        first = self.next_shard()
        # The body outlives this call in a dry run: it is all there is to read the shards from.
        body = _spool()
        hashed, shards, count = hashlib.sha256(), 0, 0
        with gzip_writer(body) as packed:
            known = set[str]() if again else self._keys()
            for shard in group(items, known, first, per_shard):
                line = shard.to_line()
                hashed.update(line)
                packed.write(line)
                shards += 1
                count += len(shard.items)
        previous = headers[-1].sha256 if headers else ""
        header = Header(self._dataset, len(headers), first, shards, count, previous)
        if shards and not dry_run:
            self._publish(header, hashed.digest(), body)

        def read() -> Iterator[Shard]:
            body.seek(0)
            with gzip.GzipFile(fileobj=body, mode="rb") as lines:
                yield from (Shard.from_line(line) for line in lines)

        return Shards(shards, read)

    def _publish(self, header: Header, body_digest: bytes, body: IO[bytes]) -> None:
        content = {**asdict(header), "sha256": header.hashed_with(body_digest)}
        body.seek(0)
        try:
            with self._storage.create(self._path(header.number)) as stream:
                stream.write(gzip.compress(canonical_json(content) + b"\n", mtime=0))
                shutil.copyfileobj(body, stream)
        except FileExistsError as error:
            raise InfrastructureError(
                f"{self._where(self._path(header.number))}: another run planned at the same "
                "moment; run the command again"
            ) from error

    def _keys(self) -> set[str]:
        known: set[str] = set()
        for header in self.headers():
            with gzip_lines(self._storage, self._path(header.number)) as lines:
                lines.readline()
                for line in lines:
                    known.update(json.loads(line)["keys"])
        return known

    def _check(self, number: int) -> Header:
        where = self._where(self._path(number))
        hashed, digests = hashlib.sha256(), dict[int, str]()
        try:
            with gzip_lines(self._storage, self._path(number)) as lines:
                header = Header(**json.loads(lines.readline()))
                for line in lines:
                    hashed.update(line)
                    digests[header.first + len(digests)] = json.loads(line)["digest"]
        except DAMAGED as error:
            raise UsageError(f"{where}: not a plan ({error}); restore the file") from error
        if header.format != FORMAT:
            raise UsageError(f"{where}: plan of format {header.format}, not {FORMAT}; update")
        before = self._checked[-1] if self._checked else None
        follows = (
            header.dataset == self._dataset
            and header.number == number
            and header.shards == len(digests)
            and header.previous == (before.sha256 if before else "")
            and header.first == (before.first + before.shards if before else 0)
        )
        if not follows or header.sha256 != header.hashed_with(hashed.digest()):
            raise UsageError(f"{where}: the plan was altered since it was made; restore the file")
        self._digests.update(digests)
        return header

    def _path(self, number: int) -> str:
        return f"{self.folder}/{number:06d}.jsonl.gz"

    def _where(self, path: str) -> str:
        return f"{self._storage.url}/{path or self.folder}"


def _spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)
