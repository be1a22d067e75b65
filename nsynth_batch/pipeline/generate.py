"""The step `generate`: clips out of a model alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange, Shard
from hdfs_jobs.errors import UsageError
from nsynth_batch.models.model import Generator
from nsynth_batch.pipeline.audio import AudioStep
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.cost import SAMPLE_BYTES, decoder_rate, measured_rate
from nsynth_batch.pipeline.primes import DrawPrime, PrimeWanted, drawn_by, find_primes
from nsynth_batch.pipeline.sharding import batches_a_shard
from nsynth_batch.pipeline.step import Amount, Expected, PlannedStep, Step, left_of
from nsynth_batch.stages.generate import GenerateStage
from nsynth_batch.stages.primes import ClipRows
from nsynth_batch.store.corpora import save_corpus
from nsynth_batch.store.lineage import Columns, Corpus, Lineage
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
        How long each is; None for what suits the model.
    temperature
        One for all of a clip, or those of its beginning and its end.
    prime
        What they go on from; None for silence.
    likelihood
        Whether the model scores each clip.
    """

    clips: int = 16
    seconds: float | None = None
    temperature: float | tuple[float, float] = 1.0
    prime: PrimeWanted | None = None
    likelihood: bool = True


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
    source = AudioStep.lineage
    lineage = Corpus("trained_on", row_id="clip_id")
    row_names = ClipRows()

    def __init__(self, wanted: Wanted | None = None) -> None:
        self.wanted = wanted or Wanted()

    def made(self, dataset: Dataset, datasets: frozenset[str]) -> bool:
        """Whether a dataset is one of this step's: it names a corpus, and the length of clips."""
        return self.dataset == dataset.name and {"trained_on", "samples"} <= set(dataset.settings)

    def lineage_of(self, dataset: Dataset) -> Lineage:
        """Return where the recordings stand; what a clip goes on from is one of them."""
        if "prime" not in dataset.settings:
            return self.lineage
        return replace(self.lineage, primes=Columns(("prime.file_id",)))

    def plan(self, context: Context) -> PlannedStep:
        """Plan the clips that are in no batch yet."""
        model = _generator(context)
        behind = _corpus_of(model, context)
        wanted, seed = self.wanted, context.settings.seed or 0
        samples = max(1, round(self._seconds(model) * model.sample_rate))
        spec = context.models.spec(model)
        facts, heat = spec.facts(), wanted.temperature
        primes = None
        if wanted.prime is not None:
            primes = find_primes(context, wanted.prime, model.sample_rate)
            if primes.samples < model.shortest_prime:
                shortest = model.shortest_prime / model.sample_rate
                raise UsageError(
                    f"--prime-seconds {wanted.prime.seconds:g}: {context.settings.checkpoint} goes "
                    f"on from {shortest:g} s at least"
                )
        primed = 0 if primes is None else primes.samples
        stage = GenerateStage(
            spec,
            seed,
            heat,
            samples,
            model.sample_rate,
            prime_samples=primed,
            likelihood=wanted.likelihood,
        )
        settings: dict[str, Json] = {
            "trained_on": behind.digest,
            **facts,
            "seed": seed,
            "temperature": list(heat) if isinstance(heat, tuple) else heat,
            "samples": samples,
            **({} if primes is None else primes.settings),
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
        draw = None
        if primes is not None:
            pool = primes.pool(context, dataset)
            draw, notes = drawn_by(pool, seed), (*notes, primes.note(pool))
        items = list(_items(done, wanted.clips, batch, draw))
        rate = measured_rate(dataset) or decoder_rate(model)
        size = batches_a_shard(len(items), seconds, rate)
        new = dataset.plan(items, size, dry_run=context.dry_run)
        audio = None if primes is None else primes.audio
        allow_unknown = primes is None or context.settings.allow_unknown
        return PlannedStep(
            self, dataset, stage, audio, new, facts, notes, allow_unknown=allow_unknown
        )

    def expect(self, context: Context, planned: PlannedStep | None, incoming: Amount) -> Expected:
        """Return what there is to do: nothing before it adds to it."""
        pending, new = left_of(planned)
        rows = sum(map(_clips_of, pending)) + sum(map(_clips_of, new))
        return Expected(
            len(pending) + len(new),
            Amount(0, rows, rows * self._seconds(_generator(context))),
            " ".join(() if planned is None else planned.notes),
        )

    def _seconds(self, model: Generator) -> float:
        wanted = self.wanted.seconds
        return model.default_seconds if wanted is None else wanted

    def rate(self, context: Context) -> float:
        """Return the audio-seconds a second that a worker generates, by rule of thumb."""
        return decoder_rate(context.models.decoder)

    def bytes_a_second(self, context: Context) -> float:
        """Return the bytes of a second of samples, compressed."""
        return SAMPLE_BYTES * context.models.decoder.sample_rate


def _items(first: int, stop: int, batch: int, draw: DrawPrime | None) -> Iterator[Item]:
    """Yield an item a batch of clips, by their numbers, with the segments that they go on from."""
    for start in range(first, stop, batch):
        end = min(stop, start + batch)
        extra: dict[str, Json] = {"first": start, "stop": end}
        primes = [] if draw is None else [draw(number) for number in range(start, end)]
        if primes:
            extra["primes"] = [[prime.file_id, prime.segment] for prime in primes]
        yield Item(
            key=f"clips {start}-{end}",
            title=f"clips {start} to {end - 1}",
            rows=tuple(RowRange(prime.shard, prime.row, prime.row + 1) for prime in primes),
            extra=extra,
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
            "encodings alone: give a model that `nsynth-batch train --family "
            "wavenet|samplernn|frames` made with --checkpoint"
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
