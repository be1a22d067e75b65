"""What doctor finds is said once."""

from __future__ import annotations

from functools import partial

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.doctor.checks import Finding, tried


def test_a_finding_does_not_repeat_what_was_looked_at() -> None:
    def missing() -> str:
        raise UsageError("engine tensorflow: no module of that name; install it")

    found = tried("engine tensorflow", missing, needed=False)
    said = "no module of that name; install it"
    assert found == Finding("engine tensorflow", said, works=False, needed=False)
    found = tried("store /nowhere", partial(Store.open, "/nowhere"))  # type: ignore[arg-type]
    assert found.broken
    assert found.found.startswith("not a store")
