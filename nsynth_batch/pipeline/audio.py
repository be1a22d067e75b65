"""The step `shard`: recordings to segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.plan import Item
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.cost import SAMPLE_BYTES
from nsynth_batch.pipeline.sharding import per_shard, shards_of, title_of
from nsynth_batch.pipeline.step import Amount, Expected, PlannedStep, Step, left_of
from nsynth_batch.stages.audio import AudioStage
from nsynth_batch.store.lineage import Columns, ItemKey

HOP = 512
"""Samples a frame stands for where segments are cut; the published model's."""

MOST_RECORDINGS = 64
"""The most recordings a shard of audio is made from."""

_RATE = 200.0


class AudioStep(Step):
    """Cut recordings into segments."""

    dataset = "audio"
    command = "shard"
    unit = "recordings"
    time_limit = 1800.0
    counts = "items"
    source = ItemKey()
    lineage = Columns(("file_id",))

    def plan(self, context: Context) -> PlannedStep | None:
        """Plan the recordings of the catalog that are in no shard yet."""
        if not context.recordings:
            return None
        given = context.settings
        samples = segment_samples(given.segment_seconds, given.sample_rate)
        stage = AudioStage(samples, HOP, given.sample_rate)
        settings: dict[str, Json] = {
            "sample_rate": stage.sample_rate,
            "segment_samples": stage.segment_samples,
            "hop": stage.hop,
        }
        dataset = context.dataset(self.dataset, settings)
        left = len(context.recordings) - dataset.shards().count_items()
        new = dataset.plan(
            audio_items(context.recordings.current()),
            per_shard(left, MOST_RECORDINGS),
            dry_run=context.dry_run,
        )
        return PlannedStep(self, dataset, stage, None, new)

    def expect(self, context: Context, planned: PlannedStep | None, incoming: Amount) -> Expected:
        """Return what there is to do after a harvest of some recordings more."""
        pending, new = left_of(planned)
        shards = len(new)
        if incoming.recordings:
            count = sum(len(shard.items) for shard in new) + incoming.recordings
            shards = shards_of(count, MOST_RECORDINGS)
        keys = [item.key for part in (pending, new) for shard in part for item in shard.items]
        found = (context.recordings.get(key) for key in keys)
        seconds = incoming.seconds + sum(row.duration or 0.0 for row in found if row is not None)
        recordings = incoming.recordings + len(keys)
        # Each recording may leave a shorter segment behind the whole ones.
        rows = int(seconds / context.settings.segment_seconds) + recordings
        return Expected(len(pending) + shards, Amount(recordings, rows, seconds))

    def rate(self, context: Context) -> float:
        """Return the audio-seconds a second that a worker cuts, by rule of thumb."""
        return _RATE

    def bytes_a_second(self, context: Context) -> float:
        """Return the bytes of a second of samples, compressed."""
        return SAMPLE_BYTES * context.settings.sample_rate


def audio_items(recordings: Iterable[Recording]) -> Iterator[Item]:
    """Yield an item a recording, by its path in the store: a store can be moved half done.

    Messages call it by the path that its source had it under, for titles may be alike.
    """
    for recording in recordings:
        yield Item(
            key=recording.file_id,
            title=recording.source_path or title_of(recording.file_id, recording),
            url=recording.raw_url,
        )


def segment_samples(seconds: float, sample_rate: int) -> int:
    """Return the length of a segment in samples: whole hops, at least one.

    Parameters
    ----------
    seconds : float
        As the settings have it.
    sample_rate : int
        Samples a second.
    """
    return max(1, round(seconds * sample_rate) // HOP) * HOP
