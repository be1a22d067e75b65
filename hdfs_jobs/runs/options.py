"""How a run goes about its shards; none of it changes the bytes of a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hdfs_jobs.runs.code import OWN_CODE, Code


@dataclass(frozen=True)
class RunOptions:
    """The options of `run_stage`.

    Attributes
    ----------
    time_limit : float or None
        Seconds an item; after them its process is ended and the item quarantined.
    retries : int
        Further tries for a shard.
    backoff : float
        Seconds before the first retry; doubled for each further one, up to half a minute.
    patience : float
        Seconds to wait for workers or the scheduler to come back.
    window : int or None
        Shards given to Dask at once; None for three a worker thread: one is brought to storage
        while the next is done, and one waits.
    require : mapping of str to str
        Facts that each worker must report.
    resources : mapping of str to float
        Dask resources that a shard takes.
    prefer : mapping of str to float
        Dask resources that a shard takes as well where any worker offers them.
    code : Code
        What workers must run as well, beside the package of the stage.
    """

    time_limit: float | None = None
    retries: int = 3
    backoff: float = 1.0
    patience: float = 120.0
    window: int | None = None
    require: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)
    prefer: Mapping[str, float] = field(default_factory=dict)
    code: Code = OWN_CODE


DEFAULTS = RunOptions()
