"""Run the whole job from Python: recordings in, clips out, events to a function of yours.

Usage: python examples/run_from_python.py RECORDINGS STORE CLIPS
"""

from __future__ import annotations

import sys
from pathlib import Path

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.events import StageFinished
from nsynth_batch.pipeline.run import run
from nsynth_batch.pipeline.signals import draining
from nsynth_batch.pipeline.steps import lineage_of
from nsynth_batch.reporting.events import Note, RunEvent
from nsynth_batch.settings.settings import load_settings
from nsynth_batch.store.clip_export import export_clips
from sequencer.scripts import run_script


def show(event: RunEvent) -> None:
    """Print what a person wants to know; there are events for each shard, too."""
    if isinstance(event, Note):
        print(event)
    elif isinstance(event, StageFinished):
        print(f"{event.outcome.name}: {event.outcome.rows} rows")


def main(recordings: str, store: str, clips: str) -> int:
    """Run every step and export the clips; return the exit code."""
    settings = load_settings({"store": store, "pairs": 2, "seed": 7, "workers": 1})
    with draining() as drain:  # SIGTERM and Ctrl-C finish what is begun; optional.
        report = run(settings, source=recordings, on_event=show, drain=drain)
    if report.exit_code:
        print(report.message or "drained: run it again to go on")
        return report.exit_code
    exported = export_clips(Store.open(store), Path(clips), lineage_of)
    print(f"{exported.clips} clips in {clips}")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main, sys.argv[1:]))
