"""Read again everything that a dataset has committed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hdfs_jobs.datasets.manifest import Summary, parse_manifest_name
from hdfs_jobs.datasets.manifests import Manifests
from hdfs_jobs.datasets.parquet import FileFacts, difference
from hdfs_jobs.datasets.plan_files import PlanFiles
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong: a file, and what is the matter with it."""

    path: str
    what: str


def verify_dataset(storage: Storage, dataset: str) -> Iterator[Problem]:
    """Yield what is wrong with a dataset's plan, manifests, index and data files.

    Parameters
    ----------
    storage : Storage
        The store's.
    dataset : str
        Path of the dataset in the store.

    Raises
    ------
    OSError
        The storage could not be read, so nothing is known of the file.
    """
    plans, manifests = PlanFiles(storage, dataset), Manifests(storage, dataset)
    # Manifests before the plan: another run may plan and commit in between.
    names = manifests.names()
    planned: dict[int, str] | None = None
    try:
        planned = plans.digests()
    except UsageError as error:
        yield Problem(plans.folder, str(error))
    indexed = {summary.manifest_name: summary for summary in manifests.indexed()}
    for number, name in names.items():
        path = f"{manifests.folder}/{name}"
        parsed = parse_manifest_name(name)
        if planned is not None and parsed != (number, planned.get(number)):
            yield Problem(path, "belongs to no shard of the plan")
        try:
            summary = manifests.load(name).summary()
        except UsageError as error:
            yield Problem(path, str(error))
            continue
        if indexed.get(name, summary) != summary:
            yield Problem(manifests.index, f"says otherwise than {name}; delete the index")
        yield from verify_file(storage, f"{dataset}/{summary.file}", summary)


def verify_file(storage: Storage, path: str, summary: Summary) -> Iterator[Problem]:
    """Yield what is wrong with the data file of a shard, by its manifest's summary."""
    try:
        expected = FileFacts(summary.rows, summary.bytes, summary.sha256)
        if wrong := difference(storage, path, expected):
            yield Problem(path, wrong)
    except FileNotFoundError:
        yield Problem(path, "missing, though its manifest says it is committed")
