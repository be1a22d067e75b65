"""A store: one URL with a format version, and the datasets under it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hdfs_jobs.canonical_json import Json, canonical_json
from hdfs_jobs.datasets.current import current_path, read_current
from hdfs_jobs.datasets.dataset import Dataset, read_settings
from hdfs_jobs.datasets.manifest import parse_object
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage

FORMAT = 1
MARKER = "store.json"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_DIGEST = re.compile(r"[0-9a-f]{16}")
_RESERVED = frozenset({"quarantine", "runs"})


class Store:
    """An opened store; see `Store.open`.

    Attributes
    ----------
    storage : Storage
        All of the store's files.
    url : str
        Where it is.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = Store.open(folder.name, create=True)
    >>> dataset = store.dataset("squares", {"power": 2})
    >>> store.datasets("squares")
    []
    >>> shards = dataset.plan([], per_shard=1)
    >>> [found.name for found in store.datasets("squares")]
    ['squares']
    >>> folder.cleanup()
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.url = storage.url

    def __repr__(self) -> str:
        """Name the place."""
        return f"Store({self.url!r})"

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> Store:
        """Open the store at a URL.

        Parameters
        ----------
        url : str
            A path or a URL that `open_storage` takes.
        create : bool
            Make one where there is nothing yet.

        Raises
        ------
        UsageError
            There is no store, a folder with other content, or a store of another format.
        """
        storage = open_storage(url)
        try:
            data = storage.read_bytes(MARKER)
        except FileNotFoundError:
            if not create:
                raise UsageError(
                    f"{url}: not a store (no {MARKER}); check the address, or make one there first"
                ) from None
            if next(storage.list(), None) is not None:
                raise UsageError(
                    f"{url}: not a store, and not empty; give an empty or a new folder"
                ) from None
            storage.publish(MARKER, canonical_json({"format": FORMAT}) + b"\n")
            data = storage.read_bytes(MARKER)
        except NotADirectoryError:
            raise UsageError(f"{url}: not a store but a file; give a folder") from None
        found = parse_object(data, f"{url}/{MARKER}").get("format")
        if found != FORMAT:
            raise UsageError(
                f"{url}: a store of format {found!r}; this version reads format {FORMAT}"
            )
        return cls(storage)

    def dataset(self, name: str, settings: Mapping[str, Json], producer: str = "") -> Dataset:
        """Return the dataset with these settings; nothing is written before it is planned.

        Parameters
        ----------
        name : str
            Lower-case letters, digits, ``-`` and ``_``; not a folder that the store has for
            something else.
        settings : mapping
            All that changes the bytes of a row, the digest of the upstream dataset included.
        producer : str
            Who plans it, where datasets of one name come from several; see `current`.
        """
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise ValueError(f"not a name for a dataset: {name!r}")
        return Dataset(self.storage, name, settings, producer)

    def names(self) -> list[str]:
        """Return the names of the datasets that were planned."""
        return [
            entry.name
            for entry in sorted(self.storage.list(), key=lambda entry: entry.name)
            if entry.is_dir and self.storage.exists(current_path(entry.name))
        ]

    def datasets(self, name: str) -> list[Dataset]:
        """Return every dataset of a name that was planned, by digest."""
        digests = sorted(
            entry.name for entry in self.storage.list(name) if _DIGEST.fullmatch(entry.name)
        )
        found = []
        for digest in digests:
            dataset = self.existing(name, digest)
            # A folder without manifests too is of a run that is about to write settings, or died
            # at that.
            if dataset is None and any(self.storage.list(f"{name}/{digest}/manifests")):
                dataset = self._demand(name, digest)
            if dataset is not None:
                found.append(dataset)
        return found

    def current(self, name: str) -> tuple[Dataset, ...]:
        """Return the datasets of a name that its producers planned last.

        Returns
        -------
        tuple of Dataset
            One a producer; the producer without a name comes first.

        Raises
        ------
        UsageError
            The settings of one are missing, or were altered.
        """
        digests = read_current(self.storage, name)
        return tuple(self._demand(name, digest, who) for who, digest in digests.items())

    def current_of(self, name: str, producer: str = "") -> Dataset | None:
        """Return the dataset of a name that a producer planned last; None if it planned none.

        Later stages read what the producer without a name makes.
        """
        digest = read_current(self.storage, name).get(producer)
        return None if digest is None else self._demand(name, digest, producer)

    def existing(self, name: str, digest: str, producer: str = "") -> Dataset | None:
        """Return the dataset of a name and a digest; None if it was never planned, or deleted.

        Raises
        ------
        UsageError
            Its settings were altered.
        """
        try:
            settings = read_settings(self.storage, name, digest)
        except FileNotFoundError:
            return None
        return Dataset(self.storage, name, settings, producer)

    def _demand(self, name: str, digest: str, producer: str = "") -> Dataset:
        found = self.existing(name, digest, producer)
        if found is None:
            raise UsageError(
                f"{self.url}/{name}/{digest}: the settings are missing; restore settings.json"
            )
        return found
