"""Forget recordings, by the command, over a whole job."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hdfs_jobs.cluster import Cluster
from hdfs_jobs.errors import UsageError
from hdfs_jobs.retry import open_entries
from hdfs_jobs.storage import open_storage
from hdfs_jobs.store import Store
from nsynth_batch.cli import main
from nsynth_batch.forget import find
from nsynth_batch.pipeline import Pipeline
from nsynth_batch.resting import clips_resting_on, gone
from nsynth_batch.settings import load_settings
from nsynth_batch.sources.catalog import Catalog, Recording
from nsynth_batch.sources.folder import FolderSource
from nsynth_batch.sources.forgotten import Tombstone, bury, restore
from nsynth_batch.sources.harvest import harvest
from sequencer.cli import main as sequencer
from tests.nsynth_batch.job import SEGMENT_SECONDS, Job
from tests.nsynth_batch.recordings import tone, write_wav
from tests.nsynth_batch.sources.test_catalog import ROW


@dataclass
class Said:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def say(job: Job, *words: str) -> Said:
    """Give a command in this process: a new one takes a second to start."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*words, "--store", job.url])
    return Said(code, out.getvalue(), err.getvalue())


STAGES = ("audio", "encodings", "mashups", "clips")
NAMES = ("crow", "owl", "wren", "=lark")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(None, 1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny: Path, cluster: Cluster) -> Job:
    """A job of four recordings, done with six pairs."""
    job = Job(tmp_path_factory.mktemp("job"), tiny)
    for at, name in enumerate(NAMES):
        write_wav(job.recordings / f"{name}.wav", tone(0.4, 200 + 30 * at))
    write_wav(job.recordings / "sub" / "crow.wav", tone(0.4, 500))
    (job.recordings / "sources.csv").write_text(
        "file,author,licence,category,source_url\n"
        "owl.wav,Ann,CC-BY-4.0,Bird songs,https://birds.example/Eagle%20owl\n"
        "=lark.wav,-Ben,CC0-1.0,Choirs,\n".replace("\\\n", "\n")
    )
    store = Store.open(job.url, create=True)
    harvest(FolderSource(open_storage(str(job.recordings))), lambda: store.storage)
    work(job, cluster, STAGES, pairs=6)
    return job


@pytest.fixture
def job(whole: Job, tmp_path: Path, tiny: Path) -> Job:
    """A copy of it, to spoil."""
    copy = Job(tmp_path, tiny)
    shutil.copytree(whole.recordings, copy.recordings, dirs_exist_ok=True)
    shutil.copytree(whole.url, copy.url)
    return copy


def pipeline(job: Job, **more: object) -> Pipeline:
    settings = load_settings(
        {
            "checkpoint": job.checkpoint,
            "segment_seconds": SEGMENT_SECONDS,
            "workers": 1,
            "store": job.url,
            **more,
        }
    )
    return Pipeline(settings, job.store())


def work(job: Job, cluster: Cluster, names: tuple[str, ...], **more: object) -> list[str]:
    """Do stages; give what they had to note."""
    notes: list[str] = []
    for name in names:
        line = pipeline(job, **more)
        planned = line.plan(name)
        notes += planned.notes
        planned.run(line.settings, cluster, lambda event: None)
    return notes


def recording(job: Job, title: str) -> Recording:
    [found] = find(Catalog(job.store().storage).recordings(), [title])
    return found


def titles(job: Job, name: str) -> set[str]:
    """Titles of the recordings that the latest dataset of a stage holds something of."""
    recordings = Catalog(job.store().storage).recordings()
    dataset = job.store().latest(name)
    assert dataset is not None
    columns = ["a", "b"] if name == "mashups" else ["file_id"]
    rows = [row for _, table in dataset.tables(columns) for row in table.to_pylist()]
    ids = {row["file_id"] if "file_id" in row else row[s]["file_id"] for row in rows for s in row}
    return {recordings[file_id].title for file_id in ids}


def reasons(job: Job, name: str) -> list[str]:
    dataset = job.store().latest(name)
    assert dataset is not None
    return [entry.reason for _, entry in open_entries(dataset)]


def test_it_is_told_what_rests_on_it(job: Job, tmp_path: Path) -> None:
    owl = recording(job, "owl")
    store = job.store()
    expected = clips_resting_on(store, {owl.file_id})[owl.file_id].clips
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
    assert f"{pieces / 'broken.score.json'} cannot be read, and may rest on it" in done.stdout
    assert "rows of it are in audio/" in done.stdout
    assert "committed shards stay as they are" in done.stdout
    assert Catalog(store.storage).recordings().forgotten[owl.file_id].reason == "asked for"

    status = json.loads(say(job, "status", "--json").stdout)
    assert status["gone"] == [
        {"file_id": owl.file_id, "title": "owl", "why": "forgotten", "clips": expected}
    ]
    assert set(status) == {"store", "stages", "gone"}
    text = say(job, "status").stdout
    assert f"forgotten: owl ({owl.file_id}): {len(expected)} clips rest on it" in text

    again = say(job, "clips", "--to", str(tmp_path / "clips"))
    assert f"{len(expected)} clips rest on forgotten recordings and are left out" in again.stdout
    assert f"left {len(expected)} wav files" in again.stdout
    assert all(f"{clip_id}.wav" in again.stdout for clip_id in expected)
    left = [json.loads(line)["clip_id"] for line in (tmp_path / "clips" / "clips.jsonl").open()]
    assert set(left) == {clip["clip_id"] for clip in exported} - resting


def test_status_tells_what_rests_on_what_its_source_has_deleted(job: Job) -> None:
    owl = recording(job, "owl")
    assert gone(job.store()) == []
    Catalog(job.store().storage).append(
        [replace(owl, deleted=True, retrieved_at=datetime.now(UTC))]
    )
    [one] = gone(job.store())
    assert (one.file_id, one.why) == (owl.file_id, "deleted")
    line = f"deleted: owl ({owl.file_id}): {len(one.clips)} clips rest on it: {one.clips[0]}"
    assert line in say(job, "status").stdout


def test_no_stage_touches_what_was_forgotten_before_it_ran(
    job: Job, cluster: Cluster, tmp_path: Path
) -> None:
    for name in ("audio", "encodings", "mashups", "clips", "runs"):
        shutil.rmtree(Path(job.url) / name)
    owl = recording(job, "owl")
    bury(job.store().storage, Tombstone(owl.file_id))
    work(job, cluster, STAGES, pairs=6)
    for name in ("audio", "encodings", "mashups"):
        assert "owl" not in titles(job, name), name
        assert not reasons(job, name)
    assert gone(job.store())[0].clips == ()


def test_what_was_cut_before_is_not_planned_to_be_encoded(job: Job, cluster: Cluster) -> None:
    shutil.rmtree(Path(job.url) / "encodings")
    shutil.rmtree(Path(job.url) / "runs" / "plans" / "encodings")
    bury(job.store().storage, Tombstone(recording(job, "owl").file_id))
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
        pipeline(job, pairs=6).plan(name)
        bury(storage, Tombstone(owl.file_id))
        work(job, cluster, (name,), pairs=6)
        assert set(reasons(job, name)) == {"forgotten"}, name
        if name != "clips":
            assert "owl" not in titles(job, name)
        else:
            assert gone(job.store())[0].clips == ()
            clips, mashups = job.store().latest("clips"), job.store().latest("mashups")
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
    pipeline(job).plan("clips")
    bury(storage, Tombstone(owl.file_id))
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
    bury(job.store().storage, Tombstone(owl.file_id))
    # The pool of the seed still has it: its new pairs are set aside, pair k stays what it is.
    work(job, cluster, ("mashups",), pairs=20)
    assert set(reasons(job, "mashups")) == {"forgotten"}
    # Mash-ups made before are not decoded by other settings either.
    notes = work(job, cluster, ("clips",), temperature=0.5)
    assert any("mash-ups rest on recordings that were forgotten" in note for note in notes)
    assert not reasons(job, "clips")
    latest = job.store().latest("clips")
    assert latest is not None
    rows = {r for _, t in latest.tables(["clip_id"]) for r in t.column("clip_id").to_pylist()}
    assert rows
    assert not rows & set(gone(job.store())[0].clips)
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
    assert work(job, cluster, ("mashups",), pairs=20)[0].startswith("1 recordings from a wiki")
    assert set(reasons(job, "mashups")) == {"unknown-licence"}
    notes = work(job, cluster, ("clips",), temperature=0.5)
    assert any("have no known licence any more" in note for note in notes)
    # Nothing is said of clips that were there: they are credited as unknown.
    assert gone(job.store()) == []
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
    pipeline(job).plan("audio")
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
        "//w.example/wiki/File:O",
        "https://w.example/wiki/File%3AO",
    ):
        if name.startswith("//"):
            continue
        assert [row.file_id for row in find(recordings, [name])] == ["ab" * 20, "cd" * 20]


def test_the_catalog_is_shown_and_exported(job: Job, tmp_path: Path) -> None:
    owl = recording(job, "owl")
    bury(job.store().storage, Tombstone(owl.file_id))

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
    dataset = job.store().latest("mashups")
    assert dataset is not None
    [mash, *_] = [row for _, t in dataset.tables(["a", "b"]) for row in t.to_pylist()]
    assert mash["a"]["file_id"] == recording(job, "=lark").file_id
    assert len(job.store().datasets("mashups")) == 3
