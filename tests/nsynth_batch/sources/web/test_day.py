"""A day's number is never exceeded, whoever asks and however often it begins anew."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.sources.web.day import PATH, DailyAllowance, next_day, today
from tests.nsynth_batch.sources.lists import away_from_midnight


def test_the_count_outlives_who_counts(tmp_path: Path) -> None:
    away_from_midnight()
    storage = open_storage(str(tmp_path))
    first = DailyAllowance(storage, 3)
    assert first.take()
    assert first.take()
    # As after a kill: nothing was closed.
    second = DailyAllowance(storage, 3)
    assert not second.used_up
    assert second.take()
    assert second.used_up
    assert not second.take()
    assert DailyAllowance(storage, 3).used_up
    # Another number of the same day counts what was begun too.
    assert DailyAllowance(storage, 2).used_up
    assert DailyAllowance(storage, 4).take()


def test_another_day_begins_anew(tmp_path: Path) -> None:
    away_from_midnight()
    storage = open_storage(str(tmp_path))
    yesterday = (today() - timedelta(days=1)).isoformat()
    storage.replace(PATH, json.dumps({"day": yesterday, "begun": 9}).encode())
    allowance = DailyAllowance(storage, 1)
    assert allowance.take()
    assert not allowance.take()
    assert json.loads(storage.read_bytes(PATH)) == {"day": today().isoformat(), "begun": 1}
    assert next_day() == f"{(today() + timedelta(days=1)).isoformat()} 00:00 UTC"


def test_threads_share_a_day(tmp_path: Path) -> None:
    away_from_midnight()
    allowance = DailyAllowance(open_storage(str(tmp_path)), 10)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: allowance.take(), range(40))) == 10


def test_without_a_number_nothing_is_counted(tmp_path: Path) -> None:
    allowance = DailyAllowance(open_storage(str(tmp_path)), None)
    assert all(allowance.take() for _ in range(100))
    assert not allowance.used_up
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"3", b'{"day": "soon", "begun": 1}', b"\xff"])
def test_a_damaged_count_is_one_line(tmp_path: Path, content: bytes) -> None:
    storage = open_storage(str(tmp_path))
    storage.replace(PATH, content)
    with pytest.raises(UsageError, match=r"per-day\.json.* cannot be read"):
        DailyAllowance(storage, 3)
