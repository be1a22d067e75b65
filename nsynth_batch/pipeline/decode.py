"""The step `decode`: mash-ups to clips."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import cast

from hdfs_jobs.canonical_json import Json, derived_id
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import UsageError
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.cost import SAMPLE_BYTES, decoder_rate, measured_rate
from nsynth_batch.pipeline.encode import EncodeStep
from nsynth_batch.pipeline.mash import MashStep
from nsynth_batch.pipeline.sharding import (
    batches_a_shard,
    planned_rows,
    row_ranges,
    rows_of,
    uncommitted,
)
from nsynth_batch.pipeline.step import Amount, Expected, PlannedStep, Step, left_of, seconds_a_row
from nsynth_batch.stages.decode import DecodeStage
from nsynth_batch.stages.withheld import ColumnNames
from nsynth_batch.store.lineage import Link
from sequencer.text import counted


class DecodeStep(Step):
    """Decode mash-ups to clips."""

    dataset = "clips"
    command = "decode"
    reads = (MashStep.dataset,)
    needs_model = "decoder"
    unit = "batches"
    time_limit = 900.0
    prefers_gpu = True
    source = MashStep.lineage
    lineage = Link(MashStep.dataset, "mash_id", MashStep.lineage, row_id="clip_id")
    row_names = ColumnNames(lineage.column, "mash-up")

    def plan(self, context: Context) -> PlannedStep | None:
        """Plan the mash-ups that are in no batch yet."""
        mashups = context.current(MashStep.dataset)
        if mashups is None:
            return None
        model, seed = context.models.decoder, context.settings.seed
        hop, spec = model.config.hop, context.models.spec(model)
        facts = spec.facts()
        _require_same_checkpoint(context, mashups, facts["checkpoint"])
        if seed is None:
            seed = cast(int, mashups.settings["seed"])
        temperature = context.settings.temperature
        stage = DecodeStage(spec, seed, temperature, model.sample_rate)
        settings: dict[str, Json] = {
            MashStep.dataset: mashups.digest,
            **facts,
            "seed": seed,
            "temperature": temperature,
        }
        dataset = context.dataset(self.dataset, settings)
        allow_unknown = bool(mashups.settings.get("allow_unknown", True))
        left = undecoded(mashups, dataset, context.withheld(allow_unknown=allow_unknown))
        notes = uncommitted(mashups, MashStep.command)
        seconds = sum(frames for frames, _, _ in left.rows) * hop / model.sample_rate
        batch = _batch_size(context, len(left.rows), seconds)
        if left.rows:
            clips, longest = min(batch, len(left.rows)), left.rows[0][0] * hop
            notes = (*notes, context.models.memory_note(clips, longest))
        batches = -(-len(left.rows) // batch)
        size = _batches_a_shard(context, dataset, batches, seconds)
        new = dataset.plan(left.batches(batch), size, dry_run=context.dry_run)
        if left.withheld:
            notes = (
                *notes,
                f"left out: {counted(left.withheld, 'mash-up')} derived from recordings that were "
                "forgotten or deleted, or have no known licence any more",
            )
        return PlannedStep(
            self, dataset, stage, mashups, new, facts, notes, allow_unknown=allow_unknown
        )

    def expect(self, context: Context, planned: PlannedStep | None, incoming: Amount) -> Expected:
        """Return what there is to do once `incoming` mash-ups more are made."""
        pending, new = left_of(planned)
        mean = seconds_a_row(planned)
        rows, shards = sum(rows_of(shard.items) for shard in new), len(new)
        if incoming.rows:
            count, seconds = rows + incoming.rows, rows * mean + incoming.seconds
            batches = -(-count // _batch_size(context, count, seconds))
            dataset = None if planned is None else planned.dataset
            shards = -(-batches // _batches_a_shard(context, dataset, batches, seconds))
        rows += sum(rows_of(shard.items) for shard in pending)
        output = Amount(0, rows, rows * mean) + incoming
        return Expected(len(pending) + shards, output, _note(context, output))

    def rate(self, context: Context) -> float:
        """Return the audio-seconds a second that a worker decodes, by rule of thumb."""
        return decoder_rate(context.models.decoder)

    def bytes_a_second(self, context: Context) -> float:
        """Return the bytes of a second of samples, compressed."""
        return SAMPLE_BYTES * context.models.decoder.sample_rate


@dataclass(frozen=True)
class Undecoded:
    """Mash-ups that no batch holds yet, longest first.

    Batches of like length waste least, and what takes longest is not left for the end.

    Attributes
    ----------
    rows : tuple of (int, int, int)
        Frames, shard and row of each.
    names : dict of int to str
        The content of each shard.
    withheld : int
        How many were left out for their parents.
    """

    rows: tuple[tuple[int, int, int], ...]
    names: dict[int, str]
    withheld: int = 0

    def batches(self, size: int) -> Iterator[Item]:
        """Yield an item a batch of at most `size` mash-ups."""
        for start in range(0, len(self.rows), size):
            chosen = sorted((shard, row) for _, shard, row in self.rows[start : start + size])
            ranges = row_ranges(chosen)
            content: Json = [[self.names[r.shard], r.start, r.stop] for r in ranges]
            yield Item(
                key=derived_id({"mashups": content}),
                title=f"a batch of {len(chosen)} mash-ups",
                rows=ranges,
            )


def undecoded(mashups: Dataset, clips: Dataset, withheld: Collection[str] = ()) -> Undecoded:
    """Find the mash-ups that are not planned for decoding.

    Parameters
    ----------
    mashups, clips : Dataset
        What is read and what is written.
    withheld : collection of str
        Recordings, by file id, whose mash-ups are left out.
    """
    planned = planned_rows(clips)
    lineage = MashStep.lineage
    left: list[tuple[int, int, int]] = []
    names = {}
    left_out = 0
    for summary in mashups.summaries():
        done = planned.get(summary.shard, 0)
        if done.bit_count() == summary.rows:
            continue
        names[summary.shard] = summary.sha256
        derived: set[int] = set()
        if withheld:
            parents = mashups.read(summary.shard, lineage.names)
            rows = lineage.rows_of(withheld, parents).to_pylist()
            derived.update(row for row in rows if not done >> row & 1)
        left_out += len(derived)
        frames = mashups.read(summary.shard, ["frames"]).column("frames").to_pylist()
        left += [
            (n, summary.shard, row)
            for row, n in enumerate(frames)
            if not done >> row & 1 and row not in derived
        ]
    left.sort(key=lambda row: (-row[0], *row[1:]))
    return Undecoded(tuple(left), names, left_out)


def _batch_size(context: Context, mashups: int, seconds: float) -> int:
    return context.settings.batch or context.models.batch_size(mashups, seconds)


def _batches_a_shard(
    context: Context, dataset: Dataset | None, batches: int, seconds: float
) -> int:
    """Return how many batches a shard holds: about as many as a task has time for."""
    measured = None if dataset is None else measured_rate(dataset)
    return batches_a_shard(batches, seconds, measured or decoder_rate(context.models.decoder))


def _note(context: Context, output: Amount) -> str:
    """Return what a task takes, by the mean length of the mash-ups that are left."""
    if not output.rows:
        return ""
    batch = _batch_size(context, output.rows, output.seconds)
    samples = round(output.seconds / output.rows * context.models.decoder.sample_rate)
    return context.models.memory_note(min(batch, output.rows), samples)


def _require_same_checkpoint(context: Context, mashups: Dataset, checkpoint: str) -> None:
    """Refuse to decode what another model has encoded: this one cannot read it."""
    encoded = context.upstream_of(mashups, EncodeStep.dataset)
    if encoded.settings["checkpoint"] != checkpoint:
        raise UsageError(
            "the mash-ups were encoded by another checkpoint than "
            f"{context.settings.checkpoint}: decode with the one they were encoded by, or run "
            "encode and mash with this one first"
        )
