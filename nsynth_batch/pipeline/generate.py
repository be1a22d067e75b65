"""The step `generate`: clips out of a model alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, Shard
from hdfs_jobs.errors import UsageError
from nsynth_batch.models.model import Generator
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.cost import SAMPLE_BYTES, decoder_rate, measured_rate
from nsynth_batch.pipeline.sharding import batches_a_shard
from nsynth_batch.pipeline.step import Amount, Expected, PlannedStep, Step, left_of
from nsynth_batch.stages.generate import GenerateStage
from nsynth_batch.store.corpora import save_corpus
from nsynth_batch.store.lineage import Columns, Corpus
from sequencer.clips.corpus import Corpus as Behind

PRODUCER = "generate"
"""Who plans these clips: those that are decoded stand beside them."""

_NAMED = 3


@dataclass(frozen=True)
class Wanted:
    """What clips are asked for.

    Attributes
    ----------
    clips
        How many there are to be in all.
    seconds
        How long each is.
    temperature
        One for all of a clip, or those of its beginning and its end.
    """

    clips: int = 16
    seconds: float = 4.0
    temperature: float | tuple[float, float] = 1.0


class GenerateStep(Step):
    """Generate clips.

    Parameters
    ----------
    wanted : Wanted
        Which.
    """

    dataset = "clips"
    command = "generate"
    needs_model = "decoder"
    unit = "batches"
    time_limit = 900.0
    begins_stores = True
    source = Columns(())
    lineage = Corpus("trained_on", row_id="clip_id")

    def __init__(self, wanted: Wanted | None = None) -> None:
        self.wanted = wanted or Wanted()

    def made(self, dataset: Dataset, datasets: frozenset[str]) -> bool:
        """Whether a dataset is one of this step's: it names a corpus, and the length of clips."""
        return super().made(dataset, datasets) and {"trained_on", "samples"} <= set(
            dataset.settings
        )

    def plan(self, context: Context) -> PlannedStep:
        """Plan the clips that are in no batch yet."""
        model = _generator(context)
        behind = _corpus_of(model, context)
        wanted, seed = self.wanted, context.settings.seed or 0
        samples = max(1, round(wanted.seconds * model.sample_rate))
        spec = context.models.spec(model)
        facts, heat = spec.facts(), wanted.temperature
        stage = GenerateStage(spec, seed, heat, samples, model.sample_rate)
        settings: dict[str, Json] = {
            "trained_on": behind.digest,
            **facts,
            "seed": seed,
            "temperature": list(heat) if isinstance(heat, tuple) else heat,
            "samples": samples,
        }
        if not context.dry_run:
            # Before any clip that names it.
            save_corpus(context.store.storage, behind)
        dataset = context.dataset(self.dataset, settings, PRODUCER)
        done = max(
            (_clips(item)[1] for shard in dataset.shards() for item in shard.items), default=0
        )
        left = max(0, wanted.clips - done)
        seconds = left * samples / model.sample_rate
        batch = context.settings.batch or context.models.batch_size(left, seconds)
        notes = (context.models.memory_note(min(batch, left), samples),) if left else ()
        items = list(_items(done, wanted.clips, batch))
        rate = measured_rate(dataset) or decoder_rate(model)
        size = batches_a_shard(len(items), seconds, rate)
        new = dataset.plan(items, size, dry_run=context.dry_run)
        return PlannedStep(self, dataset, stage, None, new, facts, notes)

    def expect(self, context: Context, planned: PlannedStep | None, incoming: Amount) -> Expected:
        """Return what there is to do: nothing before it adds to it."""
        pending, new = left_of(planned)
        rows = sum(map(_clips_of, pending)) + sum(map(_clips_of, new))
        return Expected(
            len(pending) + len(new),
            Amount(0, rows, rows * self.wanted.seconds),
            " ".join(() if planned is None else planned.notes),
        )

    def rate(self, context: Context) -> float:
        """Return the audio-seconds a second that a worker generates, by rule of thumb."""
        return decoder_rate(context.models.decoder)

    def bytes_a_second(self, context: Context) -> float:
        """Return the bytes of a second of samples, compressed."""
        return SAMPLE_BYTES * context.models.decoder.sample_rate


def _items(first: int, stop: int, batch: int) -> Iterator[Item]:
    """Yield an item a batch of clips, by their numbers."""
    for start in range(first, stop, batch):
        end = min(stop, start + batch)
        yield Item(
            key=f"clips {start}-{end}",
            title=f"clips {start} to {end - 1}",
            extra={"first": start, "stop": end},
            counts_as=end - start,
        )


def _clips(item: Item) -> tuple[int, int]:
    return cast(int, item.extra["first"]), cast(int, item.extra["stop"])


def _clips_of(shard: Shard) -> int:
    return sum(stop - first for first, stop in map(_clips, shard.items))


def _generator(context: Context) -> Generator:
    model = context.models.decoder
    if not isinstance(model, Generator):
        raise UsageError(
            f"{context.settings.checkpoint} is of the family {model.family}, which makes sound of "
            "encodings alone: give a model that `nsynth-batch train --family wavenet` made with "
            "--checkpoint"
        )
    return model


def _corpus_of(model: Generator, context: Context) -> Behind:
    """Return what a model was trained on, if all of it may still be used.

    Raises
    ------
    UsageError
        If its file does not list that, or recordings were forgotten or deleted since.
    """
    behind, checkpoint = model.trained_on, context.settings.checkpoint
    if behind is None:
        raise UsageError(
            f"{checkpoint} does not list the recordings that it was trained on, and its clips "
            "would have no rights: train it again"
        )
    # Forgotten ones may never have been in this store's catalog: the model came from elsewhere.
    deleted, forgotten = context.withheld(allow_unknown=True), context.recordings.forgotten
    titles = [
        row.rights.title or row.file
        for row in behind.recordings
        if row.file in forgotten or row.file in deleted
    ]
    if titles:
        more = f" and {len(titles) - _NAMED} more" if len(titles) > _NAMED else ""
        raise UsageError(
            f"{checkpoint} was trained on recordings that were forgotten or deleted since "
            f"({', '.join(titles[:_NAMED])}{more}): train another without them"
        )
    return behind
