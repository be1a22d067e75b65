"""The stages in order: what each reads and what it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import cast

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Shards, group
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.catalog import Catalog, Recordings
from nsynth_batch.catalog.themes import Themes, load_themes
from nsynth_batch.catalog.withheld import Bar, among, bars
from nsynth_batch.pipeline import sharding
from nsynth_batch.pipeline.cost import estimated_rate, measured_rate
from nsynth_batch.pipeline.model import RunModel
from nsynth_batch.pipeline.pairs import draw_pairs
from nsynth_batch.pipeline.pool import Pool, load_pool, pool_path, save_pool, take_pool
from nsynth_batch.pipeline.step import Work
from nsynth_batch.settings import Settings
from nsynth_batch.stages.audio import AudioStage
from nsynth_batch.stages.decode import DecodeStage
from nsynth_batch.stages.encode import EncodeStage
from nsynth_batch.stages.mash import MashStage
from nsynth_batch.stages.withheld import BarringStage
from nsynth_batch.store.layout import COMMANDS, DATASETS, planned
from sequencer.audio.recording import SAMPLE_RATE

HOP = 512
"""Samples a frame stands for where segments are cut; the published model's."""

_ENCODE_BATCH = 4


class Pipeline:
    """The stages over one store.

    Parameters
    ----------
    settings : Settings
        What to do.
    store : Store
        Where.
    models : RunModel, optional
        What encodes and decodes, if it is open already.
    dry_run : bool
        Whether plans are made without being written.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        models: RunModel | None = None,
        dry_run: bool = False,
    ) -> None:
        self.settings = settings
        self.store = store
        self.models = models or RunModel(settings)
        self._dry_run = dry_run
        self._datasets: dict[str, Dataset] = {}

    @cached_property
    def recordings(self) -> Recordings:
        """The catalog as it is when it is first asked for."""
        return Catalog(self.store.storage).recordings()

    def plan(self, name: str) -> Work:
        """Plan what a stage has left to do.

        Parameters
        ----------
        name : str
            The dataset it writes: one of `DATASETS`.

        Raises
        ------
        UsageError
            If there is nothing to work on, or the settings do not allow it.
        """
        planners: dict[str, Callable[[], Work]] = {
            "audio": self._plan_audio,
            "encodings": self._plan_encodings,
            "mashups": self._plan_mashups,
            "clips": self._plan_clips,
        }
        work = planners[name]()
        work = self._with_retries(work) if self.settings.retry_failed else work
        return self._without_barred(work)

    def _with_retries(self, work: Work) -> Work:
        """Plan what is in quarantine once more, one item a shard where there are few."""
        dataset, reason = work.dataset, str(self.settings.retry_failed)
        found = sharding.retried(dataset, reason, self.recordings)
        size = sharding.per_shard(len(found.items), sharding.MOST_RETRIES)
        again = dataset.plan(found.items, size, again=True, dry_run=self._dry_run)
        notes = list(work.notes)
        if found.items:
            notes.append(f"{len(found.items)} quarantined items are tried again")
        elif found.others:
            others = ", ".join(f"{n} {name}" for name, n in sorted(found.others.items()))
            notes.append(f"nothing is in quarantine for {reason}; there is {others}")
        if found.stuck:
            notes.append(
                f"{found.stuck} quarantined rows do not say what they were made from, and stay"
            )
        return replace(work, new=work.new + again, notes=tuple(notes))

    def _without_barred(self, work: Work) -> Work:
        """Keep a stage from recordings that may not be used any more, though it was planned."""
        mashups = work.upstream if work.dataset.name == "clips" else work.dataset
        barred = self._barred(mashups or work.dataset)
        if barred:
            # They go over the network with every shard: only those that it may meet.
            barred = among(barred, sharding.recordings_of(work.dataset, work.upstream))
        return replace(work, stage=BarringStage(work.stage, barred)) if barred else work

    def _barred(self, dataset: Dataset) -> dict[str, Bar]:
        """Find what may not be used; what is no mash-up yet needs no licence."""
        allowed = bool(dataset.settings.get("allow_unknown", True))
        return bars(self.recordings, allow_unknown=allowed)

    def upstream(self, name: str) -> Dataset:
        """Give the dataset that a stage reads: the latest of the stage before.

        Raises
        ------
        UsageError
            If the stage before was never run.
        """
        before = DATASETS[DATASETS.index(name) - 1]
        dataset = self.store.current_of(before)
        if dataset is None:
            raise UsageError(
                f"{self.store.url} has no {before} yet: "
                f"run `nsynth-batch {COMMANDS[before]}` first, or `nsynth-batch run` for all stages"
            )
        return self._held(dataset)

    def _dataset(self, name: str, settings: Mapping[str, Json]) -> Dataset:
        return self._held(self.store.dataset(name, settings))

    def _held(self, dataset: Dataset) -> Dataset:
        """Give the one object that this run has for a dataset, and so list its manifests once."""
        if dataset.path not in self._datasets:
            self._datasets[dataset.path] = dataset.hold()
        return self._datasets[dataset.path]

    def _plan_audio(self) -> Work:
        if not self.recordings:
            raise UsageError(
                f"{self.store.url} has no recordings yet: run `nsynth-batch harvest SOURCE` first"
            )
        stage = AudioStage(segment_samples(self.settings.segment_seconds), HOP)
        settings: dict[str, Json] = {
            "sample_rate": SAMPLE_RATE,
            "segment_samples": stage.segment_samples,
            "hop": stage.hop,
        }
        dataset = self._dataset("audio", settings)
        left = len(self.recordings) - dataset.shards().count_items()
        new = dataset.plan(
            sharding.audio_items(self.recordings.current()),
            sharding.per_shard(left, sharding.MOST_RECORDINGS),
            dry_run=self._dry_run,
        )
        return Work(dataset, stage, None, new, {})

    def _plan_encodings(self) -> Work:
        audio = self.upstream("encodings")
        model = self.models.encoder
        hop, spec = model.config.hop, self.models.spec(model)
        made_with = spec.facts()
        stage = EncodeStage(spec, hop=hop, batch_segments=_ENCODE_BATCH)
        settings: dict[str, Json] = {"audio": audio.digest, "hop": hop, **made_with}
        dataset = self._dataset("encodings", settings)
        items = sharding.encode_items(audio, dataset, self.recordings)
        mean = max(1, sharding.segments_of(items) // max(1, len(items)))
        size = sharding.per_shard(len(items), max(1, sharding.MOST_SEGMENTS // mean))
        new = dataset.plan(items, size, dry_run=self._dry_run)
        return Work(dataset, stage, audio, new, made_with, _uncommitted(audio))

    def _plan_mashups(self) -> Work:
        encodings = self.upstream("mashups")
        audio_settings = self._settings_of("audio", str(encodings.settings["audio"]))
        seed, categories = self.settings.seed or 0, self.settings.categories
        settings: dict[str, Json] = {
            "encodings": encodings.digest,
            "seed": seed,
            "curve": self.settings.curve,
            "pair": list(categories) if categories else None,
            "allow_unknown": self.settings.allow_unknown,
        }
        themes = load_themes(self.settings.themes)
        if categories and self.settings.themes:
            settings["themes"] = themes.digest
        dataset = self._dataset("mashups", settings)
        kept = load_pool(dataset)
        shards = dataset.shards()
        if kept is None and len(shards):
            raise UsageError(
                f"the pool that pairs of seed {seed} are drawn over is missing: restore "
                f"{self.store.url}/{pool_path(dataset)}, or use another --seed"
            )
        pool = self._new_pool(encodings, themes) if kept is None else kept
        draw = partial(draw_pairs, pool.segments, self.settings.pairs, seed, categories)
        pairs, done = draw(), shards.count_items()
        left = max(0, self.settings.pairs - done)
        size = sharding.per_shard(left, sharding.MOST_PAIRS, sharding.MASH_PARTS)
        if self._dry_run:
            # How many shards there would be is known without drawing what is in them.
            new = Shards(
                -(-left // size),
                lambda: group(sharding.mash_items(draw(), done), set(), len(shards), size),
            )
        else:
            if kept is None:
                save_pool(dataset, pool)
            new = dataset.plan(sharding.mash_items(pairs), size)
        stage = MashStage(
            encodings=encodings.digest,
            seed=seed,
            curve=self.settings.curve,
            segment_samples=cast(int, audio_settings["segment_samples"]),
            hop=cast(int, encodings.settings["hop"]),
        )
        notes = [*_uncommitted(encodings), *self._left_out(encodings, pool)]
        if done > self.settings.pairs:
            notes.append(
                f"{done} mash-ups of this seed are there already: --pairs {self.settings.pairs} "
                "is their total, and takes none away"
            )
        return Work(dataset, stage, encodings, new, {}, tuple(notes))

    def _new_pool(self, encodings: Dataset, themes: Themes) -> Pool:
        if uncommitted := _uncommitted(encodings):
            raise UsageError(f"{uncommitted[0]}; a seed's pool is taken once, so do that first")
        allowed = self.settings.allow_unknown
        return take_pool(encodings, self.recordings, allow_unknown=allowed, themes=themes)

    def _plan_clips(self) -> Work:
        mashups = self.upstream("clips")
        model = self.models.decoder
        hop, spec = model.config.hop, self.models.spec(model)
        made_with = spec.facts()
        self._require_same_checkpoint(mashups, made_with["checkpoint"])
        seed = self.settings.seed
        if seed is None:
            seed = cast(int, mashups.settings["seed"])
        stage = DecodeStage(spec, seed=seed, temperature=self.settings.temperature)
        settings: dict[str, Json] = {
            "mashups": mashups.digest,
            **made_with,
            "seed": seed,
            "temperature": self.settings.temperature,
        }
        dataset = self._dataset("clips", settings)
        left = sharding.undecoded(mashups, dataset, self._barred(mashups))
        seconds = sum(frames for frames, _, _ in left.rows) * hop / SAMPLE_RATE
        batch = self.settings.batch or self.models.batch_size(len(left.rows), seconds)
        notes = _uncommitted(mashups)
        if left.rows:
            clips, longest = min(batch, len(left.rows)), left.rows[0][0] * hop
            notes = (*notes, self.models.memory_note(clips, longest))
        batches = -(-len(left.rows) // batch)
        rate = measured_rate(dataset) or estimated_rate("clips", model.config)
        most = max(1, int(sharding.TASK_SECONDS * rate * batches / max(seconds, 1e-9)))
        new = dataset.plan(
            left.batches(batch), sharding.per_shard(batches, most), dry_run=self._dry_run
        )
        if left.barred:
            notes = (
                *notes,
                f"{left.barred} mash-ups rest on recordings that were forgotten or deleted, or "
                "have no known licence any more, and are left out",
            )
        return Work(dataset, stage, mashups, new, made_with, notes)

    def _require_same_checkpoint(self, mashups: Dataset, checkpoint: str) -> None:
        """Refuse to decode what another model has encoded: to this one it means nothing."""
        encoded = self._settings_of("encodings", str(mashups.settings["encodings"]))
        if encoded["checkpoint"] != checkpoint:
            raise UsageError(
                "the mash-ups were encoded by another checkpoint than "
                f"{self.settings.checkpoint}: decode with the one they were encoded by, or run "
                "encode and mash with this one first"
            )

    def _settings_of(self, name: str, digest: str) -> Mapping[str, Json]:
        return planned(self.store, name, digest).settings

    def _left_out(self, encodings: Dataset, pool: Pool) -> Iterator[str]:
        """Say what no pair of this seed can hold, and how to get at it."""
        unknown = sum(not recording.deleted for recording in self.recordings.withheld())
        if unknown and not self.settings.allow_unknown:
            yield (
                f"{unknown} recordings from a wiki have no known licence and are left out; "
                "--allow-unknown takes them in"
            )
        late = encodings.totals().rows - pool.encoded_rows
        if late > 0:
            yield (
                f"{late} segments were encoded after the pool of this seed was drawn: "
                "another --seed mashes them up too"
            )


def segment_samples(seconds: float) -> int:
    """Give the length of a segment in samples at 16 kHz: whole hops, at least one.

    Parameters
    ----------
    seconds : float
        As the settings say.
    """
    return max(1, round(seconds * SAMPLE_RATE) // HOP) * HOP


def _uncommitted(upstream: Dataset) -> tuple[str, ...]:
    left = len(upstream.pending())
    if not left:
        return ()
    return (
        f"{left} of {len(upstream.shards())} shards of {upstream.name} are not committed yet: "
        f"`nsynth-batch {COMMANDS[upstream.name]}` completes them",
    )
