"""The step `encode`: segments to encodings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.pipeline.audio import AudioStep
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.cost import encoder_rate, encoding_bytes
from nsynth_batch.pipeline.sharding import (
    per_shard,
    planned_rows,
    rows_of,
    title_of,
    uncommitted,
)
from nsynth_batch.pipeline.step import Amount, Expected, PlannedStep, Step, left_of, seconds_a_row
from nsynth_batch.stages.encode import EncodeStage
from nsynth_batch.store.lineage import Columns

MOST_SEGMENTS = 128
"""The most segments a shard of encodings holds, and an item of it half of that."""

_BATCH_SEGMENTS = 4


class EncodeStep(Step):
    """Encode segments."""

    dataset = "encodings"
    command = "encode"
    reads = (AudioStep.dataset,)
    needs_model = "encoder"
    unit = "runs of segments"
    time_limit = 1800.0
    source = AudioStep.lineage
    lineage = Columns(("file_id",))

    def plan(self, context: Context) -> PlannedStep | None:
        """Plan the segments that are in no shard of encodings yet."""
        audio = context.current(AudioStep.dataset)
        if audio is None:
            return None
        model, sample_rate = context.models.encoder, cast(int, audio.settings["sample_rate"])
        context.models.require_rate(sample_rate, "the store's segments are")
        hop, spec = model.config.hop, context.models.spec(model)
        facts = spec.facts()
        stage = EncodeStage(spec, hop, _BATCH_SEGMENTS, sample_rate)
        settings: dict[str, Json] = {AudioStep.dataset: audio.digest, "hop": hop, **facts}
        dataset = context.dataset(self.dataset, settings)
        items = encode_items(audio, dataset, context.recordings)
        size = items_a_shard(len(items), rows_of(items))
        new = dataset.plan(items, size, dry_run=context.dry_run)
        notes = uncommitted(audio, AudioStep.command)
        return PlannedStep(self, dataset, stage, audio, new, facts, notes)

    def expect(self, context: Context, planned: PlannedStep | None, incoming: Amount) -> Expected:
        """Return what there is to do once `incoming` segments more are cut."""
        pending, new = left_of(planned)
        items = [item for shard in new for item in shard.items]
        rows = rows_of(items)
        shards = len(new)
        if incoming.rows:
            # The segments of a recording are one item, or several where there are many.
            count = len(items) + incoming.recordings + incoming.rows // (MOST_SEGMENTS // 2)
            shards = -(-count // items_a_shard(count, rows + incoming.rows))
        rows += rows_of(item for shard in pending for item in shard.items)
        left = Amount(0, rows, rows * seconds_a_row(planned))
        return Expected(len(pending) + shards, left + incoming)

    def rate(self, context: Context) -> float:
        """Return the audio-seconds a second that a worker encodes, by rule of thumb."""
        return encoder_rate(context.models.encoder)

    def bytes_a_second(self, context: Context) -> float:
        """Return the bytes of the encoding of a second."""
        return encoding_bytes(context.models.encoder)


def items_a_shard(items: int, segments: int) -> int:
    """Return how many items of so many segments together a shard holds."""
    mean = max(1, segments // max(1, items))
    return per_shard(items, max(1, MOST_SEGMENTS // mean))


def encode_items(
    audio: Dataset, encodings: Dataset, recordings: Mapping[str, Recording]
) -> list[Item]:
    """Return an item for each recording that is cut and not planned; long ones in several items.

    Those that may not be used are left out, and come with a later plan once they may be again.
    """
    planned = planned_rows(encodings)
    items = []
    for summary in audio.summaries():
        done = planned.get(summary.shard, 0)
        if done.bit_count() == summary.rows:
            continue
        table = audio.read(summary.shard, ["file_id", "segment"])
        segments = table.column("segment").to_pylist()
        ids = [
            "" if done >> row & 1 else file_id
            for row, file_id in enumerate(table.column("file_id").to_pylist())
        ]
        # Looked up once for each recording; its segments are in many runs.
        found = {file_id: recordings.get(file_id) for file_id in set(ids)}
        for start, stop in _runs(ids, MOST_SEGMENTS // 2):
            recording = found[ids[start]]
            if not ids[start] or (recording is not None and recording.deleted):
                continue
            items.append(
                Item(
                    key=f"{ids[start]}:{segments[start]}-{segments[stop - 1]}",
                    title=title_of(ids[start], recording),
                    rows=(RowRange(summary.shard, start, stop),),
                )
            )
    return items


def _runs(values: Sequence[str], most: int) -> Iterator[tuple[int, int]]:
    """Yield start and stop of each stretch of equal values, at most so long."""
    start = 0
    for position in range(1, len(values) + 1):
        ends = position == len(values) or values[position] != values[start]
        if ends or position - start == most:
            yield start, position
            start = position
