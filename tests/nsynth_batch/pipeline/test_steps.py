"""What a stage may be planned over, and what it refuses."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.storage.base import Entry
from hdfs_jobs.storage.local import LocalStorage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.models.checkpoint import portable_name
from nsynth_batch.models.loading import default_precision, open_model
from nsynth_batch.models.spec import ModelSpec
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.weights import save_weights
from nsynth_batch.nsynth import load_model
from nsynth_batch.pipeline.audio import segment_samples
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.forecast import forecast_run
from nsynth_batch.pipeline.harvest import preview_harvest
from nsynth_batch.pipeline.mash import MOST_PAIRS
from nsynth_batch.pipeline.pool import pool_path
from nsynth_batch.pipeline.steps import STEPS, check_steps, lineage_of, require_plan, step_named
from nsynth_batch.settings.choices import Precision
from nsynth_batch.settings.settings import load_settings
from nsynth_batch.sources.harvest import harvest
from nsynth_batch.sources.resolve import resolve
from nsynth_batch.store.arrays import matrices
from nsynth_batch.store.clip_export import export_clips
from nsynth_batch.store.verify import verify_store
from sequencer.audio.samples import to_int16
from tests.nsynth_batch.builders import TINY
from tests.nsynth_batch.planning import plan, run
from tests.nsynth_batch.recordings import tone, write_wav

NAMES = tuple(step.dataset for step in STEPS)


class ListedStorage(LocalStorage):
    """Counts how often each folder of manifests is listed by this process."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.listed: Counter[str] = Counter()

    def __reduce__(self) -> tuple[type[LocalStorage], tuple[str]]:
        return LocalStorage, (self.url,)

    def list(self, path: str = "", *, temporary: bool = False) -> Iterator[Entry]:
        if path.endswith("/manifests"):
            self.listed[path] += 1
        return super().list(path, temporary=temporary)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("encodings", "has no audio yet: run `nsynth-batch shard --store {}` first"),
        ("mashups", "has no encodings yet: run `nsynth-batch encode --store {}` first"),
        ("clips", "has no mashups yet: run `nsynth-batch mash --store {}` first"),
    ],
)
def test_a_stage_without_the_one_before_says_which(
    store: Store, given: dict[str, Any], name: str, words: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(words.format(shlex.quote(store.url)))):
        plan(load_settings(given), store, name)


def test_a_run_lists_the_manifests_of_a_dataset_once(
    store: Store, given: dict[str, Any], cluster: Cluster
) -> None:
    run(store, given, cluster, *NAMES)
    storage = ListedStorage(store.url)
    run(Store(storage), given | {"pairs": 5}, cluster, *NAMES)
    assert storage.listed and set(storage.listed.values()) == {1}
    assert [len(store.current_of(name).pending()) for name in NAMES] == [0, 0, 0, 0]
    assert sum(summary.rows for summary in store.current_of("clips").summaries()) == 5


def test_each_precision_makes_clips_of_its_own_and_its_manifests_name_it(
    store: Store, given: dict[str, Any], cluster: Cluster
) -> None:
    run(store, given, cluster, "audio", "encodings", "mashups")
    mashups = pa.concat_tables(table for _, table in store.current_of("mashups").tables())
    names = mashups.column("mash_id").to_pylist()
    encodings = list(matrices(mashups.column("encoding")))
    digests = {}
    for precision in get_args(Precision):
        run(store, given | {"precision": precision}, cluster, "clips")
        clips = store.current_of("clips")
        model = load_model(given["checkpoint"], precision=precision)
        made_with = {"precision": precision, "instruction_set": model.engine.instruction_set}
        assert made_with.items() <= clips.settings.items()
        assert all(made_with.items() <= manifest.facts.items() for manifest in clips.manifests())
        expected = dict(zip(names, model.decode(encodings, 0, names), strict=True))
        for row in pa.concat_tables(table for _, table in clips.tables()).to_pylist():
            assert np.array_equal(row["samples"], to_int16(expected.pop(row["mash_id"])))
        assert not expected
        digests[precision] = clips.digest
    assert len(set(digests.values())) == len(digests)
    assert store.current_of("encodings").settings["precision"] == "float32"
    chosen = default_precision("auto")
    assert plan(load_settings(given), store, "clips").dataset.digest == digests[chosen]


def test_workers_keep_to_the_instruction_set_of_the_plan(
    store: Store, given: dict[str, Any], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The workers were started before, and would take a faster one.
    cluster.client()
    monkeypatch.setenv("NSYNTH_BATCH_INSTRUCTION_SET", "portable")
    run(store, given, cluster, *NAMES)
    for name in ("encodings", "clips"):
        manifests = list(store.current_of(name).manifests())
        assert {manifest.facts["instruction_set"] for manifest in manifests} == {"portable"}


def test_an_empty_store_says_what_comes_first(tmp_path: Path) -> None:
    empty = Store.open(str(tmp_path / "empty"), create=True)
    with pytest.raises(UsageError, match=r"run `nsynth-batch harvest SOURCE --store .*` first"):
        plan(load_settings({"store": empty.url}), empty, "audio")


def test_a_pool_is_not_taken_of_half_the_encodings(
    store: Store, given: dict[str, Any], cluster: Cluster
) -> None:
    run(store, given, cluster, "audio")
    context = Context(load_settings(given), store)
    require_plan(step_named("encodings"), context)
    with pytest.raises(UsageError, match=r"3 of 3 shards of encodings are not committed yet"):
        require_plan(step_named("mashups"), context)


def test_what_another_checkpoint_encoded_is_not_decoded(
    store: Store, given: dict[str, Any], cluster: Cluster, tmp_path: Path
) -> None:
    run(store, given, cluster, "audio", "encodings", "mashups")
    other = tmp_path / "other.safetensors"
    save_weights(random_weights(TINY, seed=4), other)
    with pytest.raises(UsageError, match="encoded by another checkpoint"):
        plan(load_settings({**given, "checkpoint": str(other)}), store, "clips")


def test_a_dry_run_plans_the_same_shards_and_writes_nothing(
    store: Store, given: dict[str, Any], cluster: Cluster, tmp_path: Path
) -> None:
    run(store, given, cluster, "audio", "encodings")
    before = sorted(tmp_path.rglob("*"))
    dry = plan(load_settings(given), store, "mashups", dry_run=True)
    assert sorted(tmp_path.rglob("*")) == before
    wet = plan(load_settings(given), store, "mashups")
    assert list(dry.new) == list(wet.new)
    assert dry.dataset.path == wet.dataset.path


def test_other_settings_are_another_dataset(
    store: Store, given: dict[str, Any], cluster: Cluster
) -> None:
    run(store, given, cluster, "audio", "encodings")
    changes: list[dict[str, Any]] = [
        {}, {"seed": 1}, {"curve": "linear"}, {"allow_unknown": True},
    ]  # fmt: skip
    paths = {
        plan(load_settings({**given, **change}), store, "mashups").dataset.path
        for change in changes
    }
    assert len(paths) == len(changes)


def test_what_changes_no_byte_changes_no_dataset(store: Store, given: dict[str, Any]) -> None:
    paths = {
        plan(load_settings({**given, **change}), store, "audio").dataset.path
        for change in ({}, {"workers": 5}, {"retries": 9}, {"pairs": 77}, {"time_limit": 3.0})
    }
    assert len(paths) == 1


@pytest.mark.parametrize(
    ("seconds", "hops"), [(6.24, 195), (0.032, 1), (3.0, 93), (0.5, 15), (3600, 112_500)]
)
def test_segments_are_whole_hops(seconds: float, hops: int) -> None:
    assert segment_samples(seconds, 16_000) == 512 * hops


def test_a_dry_run_of_millions_of_pairs_answers_at_once(
    store: Store, given: dict[str, Any], cluster: Cluster
) -> None:
    run(store, given, cluster, "audio", "encodings", "mashups")
    many = load_settings({**given, "pairs": 10_000_000})
    started = time.monotonic()
    work = plan(many, store, "mashups", dry_run=True)
    forecast = forecast_run(many, [step_named("mashups")])["mashups"]
    assert time.monotonic() - started < 10
    assert len(work.new) == forecast.shards == -(-(10_000_000 - 3) // MOST_PAIRS)
    first = next(iter(work.new))
    assert first.number == len(work.dataset.shards())
    assert first.items[0].extra == {"pair": 3}


def test_a_pool_that_is_lost_is_not_drawn_anew(
    store: Store, given: dict[str, Any], cluster: Cluster
) -> None:
    run(store, given, cluster, "audio", "encodings", "mashups")
    mashups = store.current_of("mashups")
    assert mashups is not None
    store.storage.delete(pool_path(mashups))
    with pytest.raises(UsageError, match=r"pool that pairs of seed 0 .* missing: restore .*pools"):
        plan(load_settings({**given, "pairs": 5}), store, "mashups")


def test_a_model_that_is_lost_in_a_worker_is_no_infrastructure_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such checkpoint"):
        open_model(ModelSpec(str(tmp_path / "gone.safetensors"), "native"))


def test_a_checkpoint_is_one_whatever_folder_it_is_named_from(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    assert portable_name(tiny.name) == portable_name(str(tiny)) == str(tiny)
    assert portable_name("small") == "small"


def test_recordings_too_short_for_a_pair_are_named(
    store: Store, given: dict[str, Any], cluster: Cluster, tmp_path: Path
) -> None:
    write_wav(tmp_path / "in" / "click.wav", tone(0.1))
    harvest(resolve(str(tmp_path / "in")), lambda: store.storage)
    run(store, given, cluster, "audio", "encodings")
    settings = load_settings(given | {"min_seconds": 0.12})
    # The second time from the pool that was kept.
    for _ in range(2):
        assert plan(settings, store, "mashups").short_recordings == ("click",)


def test_clips_of_one_id_are_written_once(
    store: Store, given: dict[str, Any], cluster: Cluster, tmp_path: Path
) -> None:
    run(store, given, cluster, "audio", "encodings", "mashups", "clips")
    # No recording is from a wiki, so these are the same mash-ups under other settings.
    run(store, {**given, "allow_unknown": True}, cluster, "mashups", "clips")
    assert len(store.datasets("clips")) == 2
    assert export_clips(store, tmp_path / "out", lineage_of, every=True).clips == 3
    lines = (tmp_path / "out" / "clips.jsonl").read_text("utf-8").splitlines()
    assert len({json.loads(line)["clip_id"] for line in lines}) == len(lines) == 3


def test_verify_names_what_no_manifest_knows_of(
    store: Store, given: dict[str, Any], cluster: Cluster
) -> None:
    run(store, given, cluster, "audio", "encodings", "mashups")
    assert not list(verify_store(store))
    gone = next(store.storage.walk("raw")).path
    store.storage.delete(gone)
    mashups = store.current_of("mashups")
    assert mashups is not None
    store.storage.replace(pool_path(mashups), b"no table")
    problems = {problem.path: problem.what for problem in verify_store(store)}
    assert set(problems) == {gone, pool_path(mashups)}
    assert problems[gone].startswith("missing, though the catalog has it as")
    [catalog] = store.storage.list("catalog")
    store.storage.replace(catalog.path, b"PAR1")
    assert catalog.path in {problem.path for problem in verify_store(store)}


def test_what_later_datasets_were_made_from_is_missed_by_name(
    store: Store, given: dict[str, Any], cluster: Cluster, tmp_path: Path
) -> None:
    run(store, given, cluster, "audio", "encodings", "mashups", "clips")
    for name, use in (
        ("mashups", lambda: export_clips(store, tmp_path / "out", lineage_of)),
        ("audio", lambda: plan(load_settings({**given, "seed": 1}), store, "mashups")),
    ):
        dataset = store.current_of(name)
        assert dataset is not None
        store.storage.delete(dataset.path, recursive=True)
        with pytest.raises(UsageError, match=f"{dataset.path} is missing, and later datasets were"):
            use()


def test_a_store_can_be_moved_between_planning_and_cutting(
    store: Store, given: dict[str, Any], cluster: Cluster, tmp_path: Path
) -> None:
    plan(load_settings(given), store, "audio")
    (tmp_path / "store").rename(tmp_path / "moved")
    moved = Store.open(str(tmp_path / "moved"))
    run(moved, {**given, "store": moved.url}, cluster, "audio")
    audio = moved.current_of("audio")
    assert audio is not None
    assert (audio.totals().items, audio.totals().quarantined) == (3, 0)


def test_a_dry_run_counts_what_is_done_as_done_and_what_another_model_makes_as_new(
    store: Store, given: dict[str, Any], cluster: Cluster, tmp_path: Path
) -> None:
    source = str(tmp_path / "in")
    settings = load_settings(given)
    fresh = forecast_run(settings, STEPS, preview_harvest(settings, source))
    run(store, given, cluster, *NAMES)
    preview = preview_harvest(settings, source)
    assert (preview.counts.found, preview.counts.added, preview.categories) == (3, 0, ())
    done = forecast_run(settings, STEPS, preview)
    assert [one.shards for one in fresh.values()] == [3, 3, 2, 1]
    assert [(one.shards, one.seconds, one.bytes) for one in done.values()] == [(0, 0.0, 0)] * 4
    other = tmp_path / "other.safetensors"
    save_weights(random_weights(TINY, seed=4), other)
    changed = load_settings({**given, "checkpoint": str(other)})
    assert [one.shards for one in forecast_run(changed, STEPS).values()] == [0, 3, 2, 1]


@pytest.mark.parametrize(("pair", "found"), [("birds:choirs", "1 and 0"), ("x:y", "0 and 0")])
def test_pairs_that_cannot_be_had_are_refused_before_the_work(
    store: Store, given: dict[str, Any], pair: str, found: str
) -> None:
    catalog = Catalog(store.storage)
    bird, *others = catalog.recordings().values()
    now = datetime.now(UTC)
    catalog.append([replace(bird, categories=("Birds",), retrieved_at=now)])
    settings = load_settings({**given, "pair": pair})
    with pytest.raises(UsageError, match=f"--pair {pair} finds {found} recordings"):
        check_steps(STEPS, Context(settings, store))
    with pytest.raises(UsageError, match=f"--pair {pair} finds {found} recordings"):
        forecast_run(settings, STEPS)
    check_steps(STEPS, Context(settings, store), [("choirs",), ("x",), ("Y",)])
    catalog.append([replace(row, categories=("choirs", "X"), retrieved_at=now) for row in others])
    check_steps(STEPS, Context(load_settings({**given, "pair": "birds:choirs"}), store))
    check_steps(STEPS, Context(load_settings({**given, "pair": "x:CHOIRS"}), store))


def test_pairs_of_a_seed_that_has_a_pool_are_not_asked_of_the_catalog(
    store: Store, given: dict[str, Any], cluster: Cluster
) -> None:
    run(store, given, cluster, "audio", "encodings", "mashups")
    catalog = Catalog(store.storage)
    rows = list(catalog.recordings().values())
    now = datetime.now(UTC)
    catalog.append([replace(row, deleted=True, retrieved_at=now) for row in rows])
    check_steps(STEPS, Context(load_settings(given), store))
    with pytest.raises(UsageError, match="two different recordings and 0 can be had"):
        check_steps(STEPS, Context(load_settings({**given, "seed": 9}), store))
