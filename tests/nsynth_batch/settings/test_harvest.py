"""Settings of harvests: flags, variables and toml."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from nsynth_batch.settings.settings import load_settings


def test_names_come_joined_or_as_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nsynth-batch.toml").write_text(
        'upload_hosts = ["a.example", "b.example:8080"]\nmax_bytes = "50MB"\nsince = 2026-01-31\n'
    )
    monkeypatch.setenv("NSYNTH_BATCH_LICENCE", "CC0-1.0, CC-BY-*")
    settings = load_settings({"types": "flac,ogg"})
    assert settings.upload_hosts == ("a.example", "b.example:8080")
    assert settings.licence == ("CC0-1.0", "CC-BY-*")
    assert settings.types == ("flac", "ogg")
    assert settings.max_bytes == 50_000_000
    assert settings.since_time == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"types": "mid"}, "--types"),
        ({"types": ""}, "choose of wav"),
        ({"since": "yesterday"}, "--since"),
        ({"max_bytes": "lots"}, "--max-bytes"),
        ({"limit": 0}, "--limit"),
        ({"depth": -1}, "--depth"),
        ({"licence": "CC BY 4.0"}, "give SPDX ids"),
        ({"commons_api": "commons.wikimedia.org"}, "api.php"),
    ],
)
def test_what_cannot_be_is_said(flags: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_settings(flags)
