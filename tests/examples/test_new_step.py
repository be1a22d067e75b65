"""The example's step is run after `shard`, and run again it does what is new alone."""

from __future__ import annotations

import shutil
from pathlib import Path

from hdfs_jobs.datasets.store import Store
from tests.examples.running import bundled, run_example


def test_each_segment_gets_one_level_whatever_comes_later(tmp_path: Path) -> None:
    recordings = bundled(tmp_path / "in", "misc_burp.flac")
    printed = run_example("new_step.py", recordings, tmp_path / "store")
    assert [line.split(" of ")[1] for line in printed.splitlines()] == ["Burp"]
    others = bundled(tmp_path / "others", "misc_crow.flac")
    shutil.copy(others / "misc_crow.flac", recordings)
    printed = run_example("new_step.py", recordings, tmp_path / "store")
    rows = [line.split("  ") for line in printed.splitlines()]
    assert sorted(text.split(" of ")[1] for _, text in rows) == ["Burp", "Crow"]
    levels = [float(level) for level, _ in rows]
    assert levels == sorted(levels, reverse=True)
    assert 0 < levels[-1] <= levels[0] < 1
    [dataset] = Store.open(str(tmp_path / "store")).datasets("levels")
    totals = dataset.totals()
    assert (totals.shards, totals.committed, totals.rows) == (2, 2, 2)
