"""What a step may ask when it is planned: store, settings, catalog, model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from nsynth_batch.catalog.catalog import Catalog, Recordings, schema
from nsynth_batch.catalog.withheld import WithheldReason, withheld_recordings
from nsynth_batch.pipeline.model import RunModel
from nsynth_batch.settings.settings import Settings
from nsynth_batch.store.layout import upstream_of


class Context:
    """One run's view of its store: the catalog and each list of manifests are read once.

    Parameters
    ----------
    settings : Settings
        What to do.
    store : Store or None
        Where; None for a dry run before there is one.
    models : RunModel, optional
        What encodes and decodes, if it is open already.
    dry_run : bool
        Whether plans are made without being written.

    Attributes
    ----------
    incomplete : set of str
        Datasets that earlier steps of a dry run would still add to, by name.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store | None,
        *,
        models: RunModel | None = None,
        dry_run: bool = False,
    ) -> None:
        self.settings = settings
        self.models = models or RunModel(settings)
        self.dry_run = dry_run
        self.incomplete: set[str] = set()
        self._store = store
        self._datasets: dict[str, Dataset] = {}
        self._planned: dict[str, Dataset] = {}

    @property
    def store(self) -> Store:
        """The store, for a step that has found something in it."""
        assert self._store is not None
        return self._store

    @cached_property
    def recordings(self) -> Recordings:
        """The catalog as it is when it is first asked for."""
        if self._store is None:
            return Recordings(schema().empty_table())
        return Catalog(self._store.storage).recordings()

    def datasets(self, name: str) -> list[Dataset]:
        """Return every dataset of a name, of whatever settings."""
        return [] if self._store is None else self._store.datasets(name)

    def current(self, name: str) -> Dataset | None:
        """Return the dataset of a name that a later step reads; None if there is none.

        It is the one that this run has planned, which in a dry run is nowhere else, or else the
        store's current one.
        """
        if name not in self._planned:
            dataset = None if self._store is None else self._store.current_of(name)
            return None if dataset is None else self._snapshot(dataset)
        return self._planned[name]

    def dataset(self, name: str, settings: Mapping[str, Json], producer: str = "") -> Dataset:
        """Return the dataset with these settings.

        From now on later steps of this run read it, if its producer is the one without a name.
        """
        dataset = self._snapshot(self.store.dataset(name, settings, producer))
        if not producer:
            self._planned[name] = dataset
        return dataset

    def upstream_of(self, dataset: Dataset, name: str) -> Dataset:
        """Return the dataset of a name that another was made from.

        Raises
        ------
        UsageError
            If it was deleted since.
        """
        digest = dataset.settings[name]
        if (planned := self._planned.get(name)) is not None and planned.digest == digest:
            return planned
        return upstream_of(self.store, dataset, name)

    def withheld(self, *, allow_unknown: bool) -> dict[str, WithheldReason]:
        """Return the recordings that may not be used now, and why, by file id."""
        return withheld_recordings(self.recordings, allow_unknown=allow_unknown)

    def _snapshot(self, dataset: Dataset) -> Dataset:
        """Return the one object that this run has for a dataset; its manifests are listed once."""
        if dataset.path not in self._datasets:
            self._datasets[dataset.path] = dataset.snapshot()
        return self._datasets[dataset.path]
