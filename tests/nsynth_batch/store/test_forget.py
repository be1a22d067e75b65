"""Forget recordings, by the command, over a whole job."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hdfs_jobs.datasets.retry import open_entries
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.catalog.tombstones import Tombstone, add_tombstone, restore
from nsynth_batch.pipeline.steps import lineage_of
from nsynth_batch.store.derived import derived_rows, withdrawn
from nsynth_batch.store.forget import find
from sequencer.cli import main as sequencer
from tests.nsynth_batch.builders import ROW
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.rights_job import (
    STAGES,
    cluster,
    job,
    plan_of,
    recording,
    say,
    titles,
    whole,
    work,
)

__all__ = ["cluster", "job", "whole"]


def reasons(job: Job, name: str) -> list[str]:
    dataset = job.store().current_of(name)
    assert dataset is not None
    return [entry.reason for _, entry in open_entries(dataset)]


def test_it_is_told_what_rests_on_it(job: Job, tmp_path: Path) -> None:
    owl = recording(job, "owl")
    store = job.store()
    expected = derived_rows(store, lineage_of, {owl.file_id}, ["clips"])[owl.file_id].clips
    assert expected
    assert say(job, "clips", "--to", str(tmp_path / "clips")).returncode == 0
    exported = [json.loads(line) for line in (tmp_path / "clips" / "clips.jsonl").open()]
    resting = {
        c["clip_id"] for c in exported if owl.file_id in {p["file_id"] for p in c["parents"]}
    }
    assert sorted(resting) == expected
    pieces = tmp_path / "pieces"
    pieces.mkdir()
    piece = str(pieces / "piece.wav")
    length = ("--minutes", "0.05", "--seed", "1", "--keep-all")
    assert not sequencer(["compose", str(tmp_path / "clips"), "-o", piece, *length])
    (pieces / "broken.score.json").write_text("{")
    words = ("forget", "owl", "--compositions", str(pieces), "--reason", "asked for")
    before = job.files()
    tried = say(job, *words, "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert job.files() == before
    done = say(job, *words)
    assert done.returncode == 0, done.stderr
    assert tried.stdout == done.stdout.replace("forgotten:", "would be forgotten:")
    assert f"forgotten: owl ({owl.file_id})" in done.stdout
    assert all(clip_id in done.stdout for clip_id in expected)
    assert f"composition: {pieces / 'piece.score.json'}" in done.stdout
    assert f"{pieces / 'broken.score.json'} cannot be read, and may play it" in done.stdout
    assert "of it in audio/" in done.stdout
    assert "committed shards stay as they are" in done.stdout
    assert Catalog(store.storage).recordings().forgotten[owl.file_id].reason == "asked for"

    status = json.loads(say(job, "status", "--json").stdout)
    assert status["gone"] == [
        {
            "file_id": owl.file_id,
            "title": "owl",
            "why": "forgotten",
            "clips": expected,
            "models": [],
        }
    ]
    assert set(status) == {"store", "stages", "gone"}
    text = say(job, "status").stdout
    assert f"forgotten: owl ({owl.file_id}): {len(expected)} clips derived from it" in text

    again = say(job, "clips", "--to", str(tmp_path / "clips"))
    assert f"skipped: {len(expected)} clips derived from forgotten recordings" in again.stdout
    assert f"left {len(expected)} wav files" in again.stdout
    assert all(f"-{clip_id[:8]}.wav" in again.stdout for clip_id in expected)
    left = [json.loads(line)["clip_id"] for line in (tmp_path / "clips" / "clips.jsonl").open()]
    assert set(left) == {clip["clip_id"] for clip in exported} - resting


def test_status_tells_what_rests_on_what_its_source_has_deleted(job: Job) -> None:
    owl = recording(job, "owl")
    assert withdrawn(job.store(), lineage_of) == []
    Catalog(job.store().storage).append(
        [replace(owl, deleted=True, retrieved_at=datetime.now(UTC))]
    )
    [one] = withdrawn(job.store(), lineage_of)
    assert (one.file_id, one.why) == (owl.file_id, "deleted")
    line = f"deleted: owl ({owl.file_id}): {len(one.clips)} clips derived from it: {one.clips[0]}"
    assert line in say(job, "status").stdout


def test_no_stage_touches_what_was_forgotten_before_it_ran(
    job: Job, cluster: Cluster, tmp_path: Path
) -> None:
    for name in ("audio", "encodings", "mashups", "clips", "runs"):
        shutil.rmtree(Path(job.url) / name)
    owl = recording(job, "owl")
    add_tombstone(job.store().storage, Tombstone(owl.file_id))
    work(job, cluster, STAGES, pairs=6)
    for name in ("audio", "encodings", "mashups"):
        assert "owl" not in titles(job, name), name
        assert not reasons(job, name)
    assert withdrawn(job.store(), lineage_of)[0].clips == ()


def test_what_was_cut_before_is_not_planned_to_be_encoded(job: Job, cluster: Cluster) -> None:
    shutil.rmtree(Path(job.url) / "encodings")
    shutil.rmtree(Path(job.url) / "runs" / "plans" / "encodings")
    add_tombstone(job.store().storage, Tombstone(recording(job, "owl").file_id))
    work(job, cluster, ("encodings",))
    assert "owl" in titles(job, "audio")
    assert titles(job, "encodings") == {"crow", "wren", "=lark"}
    assert reasons(job, "encodings") == []


def test_what_is_planned_already_is_set_aside(job: Job, cluster: Cluster) -> None:
    """The four plans are made, then the recording is forgotten, then they are carried out."""
    owl = recording(job, "owl")
    storage = job.store().storage
    for name in ("audio", "encodings", "mashups", "clips", "runs"):
        shutil.rmtree(Path(job.url) / name)
    for position, name in enumerate(STAGES):
        plan_of(job, name, pairs=6)
        add_tombstone(storage, Tombstone(owl.file_id))
        work(job, cluster, (name,), pairs=6)
        assert set(reasons(job, name)) == {"forgotten"}, name
        if name != "clips":
            assert "owl" not in titles(job, name)
        else:
            assert withdrawn(job.store(), lineage_of)[0].clips == ()
            clips, mashups = job.store().current_of("clips"), job.store().current_of("mashups")
            assert clips is not None
            assert mashups is not None
            assert clips.totals().rows + clips.totals().quarantined == mashups.totals().rows
            assert clips.totals().rows
        # As if it had been forgotten one stage later: this one is done again with it.
        restore(storage, owl.file_id)
        shutil.rmtree(Path(job.url) / name)
        shutil.rmtree(Path(job.url) / "runs" / "plans" / name)
        if position < 3:
            work(job, cluster, (name,), pairs=6)


def test_what_is_taken_back_is_tried_again_and_nothing_else(
    job: Job, whole: Job, cluster: Cluster
) -> None:
    owl = recording(job, "owl")
    storage = job.store().storage
    shutil.rmtree(Path(job.url) / "clips")
    shutil.rmtree(Path(job.url) / "runs" / "plans" / "clips")
    plan_of(job, "clips")
    add_tombstone(storage, Tombstone(owl.file_id))
    work(job, cluster, ("clips",))
    set_aside = reasons(job, "clips")
    kept = job.clips()
    assert set(set_aside) == {"forgotten"}
    assert len(kept) + len(set_aside) == len(whole.clips())
    work(job, cluster, ("clips",), retry_failed="forgotten")
    assert reasons(job, "clips") == set_aside
    restore(storage, owl.file_id)
    work(job, cluster, ("clips",), retry_failed="forgotten")
    assert reasons(job, "clips") == []
    assert kept.items() < job.clips().items()
    assert job.clips() == whole.clips()


def test_what_was_encoded_and_mashed_up_before_goes_no_further(job: Job, cluster: Cluster) -> None:
    owl = recording(job, "owl")
    add_tombstone(job.store().storage, Tombstone(owl.file_id))
    # The pool of the seed still has it: its new pairs are set aside, pair k stays what it is.
    work(job, cluster, ("mashups",), pairs=20)
    assert set(reasons(job, "mashups")) == {"forgotten"}
    # Mash-ups made before are not decoded by other settings either.
    notes = work(job, cluster, ("clips",), temperature=0.5)
    assert any("mash-ups derived from recordings that were forgotten" in note for note in notes)
    assert not reasons(job, "clips")
    latest = job.store().current_of("clips")
    assert latest is not None
    rows = {r for _, t in latest.tables(["clip_id"]) for r in t.column("clip_id").to_pylist()}
    assert rows
    assert not rows & set(withdrawn(job.store(), lineage_of)[0].clips)
    # Another seed's pool has it no more.
    work(job, cluster, ("mashups",), pairs=6, seed=5)
    assert "owl" not in titles(job, "mashups")


def test_a_licence_that_is_lost_stops_what_was_not_decoded(job: Job, cluster: Cluster) -> None:
    owl = recording(job, "owl")
    page = {"revision": "1", "page_url": "https://wiki.example/File:Owl.wav"}
    catalog = Catalog(job.store().storage)
    known = replace(owl, retrieved_at=datetime.now(UTC), **page)
    lost = replace(known, licence="LicenseRef-unknown", retrieved_at=datetime.now(UTC))
    catalog.append([known, lost])
    assert work(job, cluster, ("mashups",), pairs=20)[0].startswith(
        "left out: 1 recording from a wiki"
    )
    assert set(reasons(job, "mashups")) == {"unknown-licence"}
    notes = work(job, cluster, ("clips",), temperature=0.5)
    assert any("have no known licence any more" in note for note in notes)
    # Nothing is said of clips that were there: they are credited as unknown.
    assert withdrawn(job.store(), lineage_of) == []
    catalog.append([replace(known, retrieved_at=datetime.now(UTC))])
    notes = work(job, cluster, ("clips",), temperature=0.5)
    assert not any("licence" in note for note in notes)
    # With the word of whoever runs it, it passes.
    catalog.append([replace(lost, retrieved_at=datetime.now(UTC))])
    work(job, cluster, ("mashups",), pairs=12, seed=9, allow_unknown=True)
    assert "owl" in titles(job, "mashups")
    notes = work(job, cluster, ("clips",), seed=9, allow_unknown=True)
    assert not any("licence" in note for note in notes)
    work(job, cluster, ("mashups",), pairs=12, seed=9)
    assert "owl" not in titles(job, "mashups")


def test_erase_takes_the_bytes_and_a_new_start_the_rest(job: Job, cluster: Cluster) -> None:
    owl = recording(job, "owl")
    done = say(job, "forget", "owl", "--erase")
    assert done.returncode == 0, done.stderr
    assert f"erased: {owl.raw_url}" in done.stdout
    assert not (Path(job.url) / owl.raw_url).exists()
    assert say(job, "verify").returncode == 0
    assert say(job, "harvest", str(job.recordings)).returncode == 0
    assert not (Path(job.url) / owl.raw_url).exists()
    for name in ("audio", "encodings", "mashups", "clips", "quarantine", "runs"):
        shutil.rmtree(Path(job.url) / name, ignore_errors=True)
    work(job, cluster, STAGES, pairs=6)
    assert titles(job, "audio") == {"crow", "wren", "=lark"}
    back = say(job, "forget", "owl", "--restore")
    assert back.stdout == f"taken back: owl ({owl.file_id})\n"
    assert say(job, "harvest", str(job.recordings)).returncode == 0
    assert (Path(job.url) / owl.raw_url).exists()
    assert say(job, "status", "--json").stdout.count("gone") == 0


def test_what_is_still_to_be_cut_is_not_erased_under_the_job(job: Job) -> None:
    shutil.rmtree(Path(job.url) / "audio")
    shutil.rmtree(Path(job.url) / "runs" / "plans" / "audio")
    plan_of(job, "audio")
    done = say(job, "forget", "owl", "--erase")
    assert done.returncode == 2
    assert "is planned in audio/" in done.stderr
    assert not Catalog(job.store().storage).recordings().forgotten


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["crow"], "crow may mean 2 recordings; give a file id: "),
        (["owl", "eagle"], "eagle: no recording of this file id, title, page or path"),
        (["owl", "--erase", "--restore"], "--erase and --restore: give one of them"),
        (["owl", "--compositions", "nowhere"], "--compositions nowhere: no such folder"),
        ([""], ": no recording of this"),
    ],
)
def test_what_is_not_clear_is_not_forgotten(whole: Job, words: list[str], line: str) -> None:
    before = whole.files()
    done = say(whole, "forget", *words)
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert whole.files() == before


def test_a_recording_by_every_name_it_has(whole: Job) -> None:
    recordings = Catalog(whole.store().storage).recordings()
    [owl] = find(recordings, ["owl"])
    for name in (owl.file_id, owl.file_id[:7].upper(), "owl.wav", "http://birds.example/Eagle_owl"):
        assert find(recordings, [name]) == [owl]
    assert len(find(recordings, ["owl", "wren", owl.file_id])) == 2
    [crow] = find(recordings, ["sub/crow.wav"])
    assert crow.source_path == "sub/crow.wav"
    with pytest.raises(UsageError, match="no recording"):
        find(recordings, [owl.file_id[:6]])


def test_a_file_of_a_wiki_is_meant_with_all_its_versions(tmp_path: Path) -> None:
    catalog = Catalog(open_storage(str(tmp_path)))
    wiki = replace(
        ROW,
        title="Owl",
        revision="1",
        page_url="https://w.example/wiki/File:O",
        source_path="File:O",
    )
    catalog.append(
        [wiki, replace(wiki, file_id="cd" * 20, revision="2"), replace(ROW, file_id="ef" * 20)]
    )
    recordings = catalog.recordings()
    for name in (
        "Owl",
        "File:O",
        "O",
        "https://w.example/wiki/File%3AO",
    ):
        assert [row.file_id for row in find(recordings, [name])] == ["ab" * 20, "cd" * 20]
