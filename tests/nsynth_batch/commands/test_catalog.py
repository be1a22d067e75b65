"""The catalog by its commands, and pairs drawn by what it says of recordings."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq

from hdfs_jobs.runs.cluster import Cluster
from nsynth_batch.catalog.tombstones import Tombstone, add_tombstone
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.rights_job import cluster, job, recording, say, titles, whole, work

__all__ = ["cluster", "job", "whole"]


def test_the_catalog_is_shown_and_exported(job: Job, tmp_path: Path) -> None:
    owl = recording(job, "owl")
    add_tombstone(job.store().storage, Tombstone(owl.file_id))

    def show(*words: str) -> list[dict[str, object]]:
        done = say(job, "catalog", "show", "--json", *words)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert len(show()) == 5
    [shown] = show("--state", "forgotten")
    assert (shown["file_id"], shown["themes"], shown["deleted"]) == (
        owl.file_id, ["nature", "animal"], True,
    )  # fmt: skip
    assert [row["title"] for row in show("--category", "Music")] == ["=lark"]
    assert show("--category", "bird songs", "--licence", "cc-by") == [shown]
    assert show("--author", "nobody") == []
    text = say(job, "catalog", "show", "--title", "lark").stdout
    assert text.splitlines()[1].split() == ["=lark", "-Ben", "CC0-1.0", "0:00", "current",
                                            recording(job, "=lark").file_id[:10]]  # fmt: skip

    table, sheet = tmp_path / "catalog.parquet", tmp_path / "catalog.csv"
    for out in (table, sheet):
        done = say(job, "catalog", "export", str(out))
        assert done.stdout == f"{out}: 5 recordings\n"
    rows = {row["title"]: row for row in pq.read_table(table).to_pylist()}
    assert rows["owl"]["deleted"] and rows["owl"]["state"] == "forgotten"
    assert rows["=lark"]["author"] == "-Ben"
    with sheet.open(encoding="utf-8", newline="") as stream:
        cells = {row["file_id"]: row for row in csv.DictReader(stream)}
    lark = cells[rows["=lark"]["file_id"]]
    assert (lark["title"], lark["author"], lark["categories"]) == ("'=lark", "'-Ben", "Choirs")
    assert cells[owl.file_id]["deleted"] == "true"
    assert len(cells) == pq.read_metadata(table).num_rows == 5
    for out in (table, sheet):
        assert say(job, "catalog", "export", str(out)).returncode == 0
    for name in ("notes.csv", "notes.parquet"):
        other = tmp_path / name
        other.write_text("name,what\nmine,1\n")
        kept = say(job, "catalog", "export", str(other))
        assert kept.returncode == 2
        assert "was not written by this command" in kept.stderr and "--replace" in kept.stderr
        assert other.read_text() == "name,what\nmine,1\n"
        assert say(job, "catalog", "export", str(other), "--force").returncode == 0
        assert other.read_bytes() != b"name,what\nmine,1\n"
    refused = say(job, "catalog", "export", str(tmp_path / "catalog.xlsx"))
    assert refused.returncode == 2
    assert "ends in .parquet or .csv" in refused.stderr
    nowhere = say(job, "catalog", "export", str(tmp_path / "no" / "catalog.csv"))
    assert nowhere.returncode == 2
    assert "there is no folder" in nowhere.stderr


def test_pairs_are_drawn_by_themes(job: Job, cluster: Cluster, tmp_path: Path) -> None:
    work(job, cluster, ("mashups",), pairs=2, seed=3, pair="nature:music")
    assert titles(job, "mashups") == {"owl", "=lark"}
    table = tmp_path / "themes.toml"
    table.write_text('[themes]\nnature = ["choir"]\nmusic = ["bird"]\n')
    work(job, cluster, ("mashups",), pairs=2, seed=3, pair="nature:music", themes=str(table))
    dataset = job.store().current_of("mashups")
    assert dataset is not None
    [mash, *_] = [row for _, t in dataset.tables(["a", "b"]) for row in t.to_pylist()]
    assert mash["a"]["file_id"] == recording(job, "=lark").file_id
    assert len(job.store().datasets("mashups")) == 3
