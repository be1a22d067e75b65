"""Filters that would do nothing with a source are refused, whatever form it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from nsynth_batch.cli import main
from nsynth_batch.settings.settings import load_settings
from nsynth_batch.sources.resolve import refuse_ignored

FILTERS = ("types", "max_seconds", "max_bytes", "licence", "since", "limit")
CATEGORIES = ("commons:Category:Bells", "commons: category:Bells")
ON_THE_WEB = (
    *CATEGORIES,
    "commons:Search:bells",
    "commons:File:Bell.wav",
    "commons:List:titles.txt",
    "urls:list.csv",
)
FOLDERS = ("recordings", "hdfs://namenode:8020/in", "webhdfs://namenode:9870/in", "bell.wav")
DUMPS = ("fma:dump", "fma:webhdfs://namenode:9870/fma", "nsynth:data")


@pytest.mark.parametrize("source", [*ON_THE_WEB, *FOLDERS, *DUMPS, None])
def test_each_filter_applies_or_is_refused(source: str | None) -> None:
    applies = {
        "depth": source in CATEGORIES,
        "accept_missing": source in (*FOLDERS, *DUMPS),
        "split": source in DUMPS,
        "per_day": source == "urls:list.csv",
        "min_seconds": True,
        "contact": True,
        **dict.fromkeys(FILTERS, source is not None),
    }
    for name, fits in applies.items():
        if fits:
            refuse_ignored(source, {name})
            continue
        with pytest.raises(UsageError, match=f"leave out .*--{name.replace('_', '-')}"):
            refuse_ignored(source, {"min_seconds", name})


@pytest.mark.parametrize(
    "words",
    [
        ("harvest", "in", "--depth", "1"),
        ("harvest", "in", "--depth", "1", "--dry-run"),
        ("run", "in", "--depth", "0"),
        ("harvest", "urls:list.csv", "--accept-missing"),
        ("harvest", "in", "--split", "test"),
        ("harvest", "commons:Category:A", "--per-day", "3"),
        ("run", "--limit", "3", "--since", "2026-01-31"),
    ],
)
def test_a_command_refuses_it_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    assert main([*words, "--store", "s"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert all(word in line for word in words if word.startswith("--") and word != "--dry-run")
    assert not (tmp_path / "s").exists()


def test_what_a_settings_file_holds_is_for_every_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "nsynth-batch.toml").write_text("depth = 1\n")
    assert load_settings({}).depth == 1
    assert main(["harvest", "in", "--store", "s"]) == 2
    assert "no audio" in capsys.readouterr().err
