"""Measure each stage of the job on the bundled recordings: audio-seconds a second.

    python -m benchmarks.stages --pairs 40 --workers 2

Every stage runs as its command does, with workers of its own, into a store that is thrown away.
"overall" is the command's wall time, start of the workers included; "a worker" is what the
manifests say of the work alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from importlib.resources import as_file, files
from pathlib import Path

from hdfs_jobs.datasets.store import Store
from nsynth_batch.cli import main as nsynth_batch
from nsynth_batch.pipeline.steps import STEPS, lineage_of
from nsynth_batch.store.clip_export import export_clips
from nsynth_batch.store.lineage import ItemKey
from sequencer.piece import make_piece


def timed(arguments: list[str]) -> float:
    """Run a command quietly and give its wall seconds."""
    said = io.StringIO()
    begun = time.perf_counter()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = nsynth_batch(arguments)
    if code:
        raise SystemExit(f"{' '.join(arguments)} ended with {code}: {said.getvalue()}")
    return time.perf_counter() - begun


def report(stage: str, audio: float, overall: float, work: float) -> None:
    alone = f"{audio / work:10.1f}" if work else f"{'':10}"
    print(f"{stage:8} {audio:9.1f} {overall:9.1f} {audio / overall:10.1f} {alone}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="small")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the composition")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = str(Path(folder) / "store")
        store = ["--store", url]
        with as_file(files("nsynth_batch") / "recordings") as recordings:
            harvest = timed(["harvest", str(recordings), *store])
        extra = {
            "shard": [],
            "encode": ["--checkpoint", options.checkpoint, "--engine", options.engine],
            "mash": ["--pairs", str(options.pairs)],
            "decode": ["--checkpoint", options.checkpoint, "--engine", options.engine],
        }
        print(f"{'stage':8} {'audio s':>9} {'wall s':>9} {'overall':>10} {'a worker':>10}")
        overall = {}
        commands = [step.command for step in STEPS]
        for command in commands:
            workers = ["--workers", str(options.workers)]
            overall[command] = timed([command, *store, *workers, *extra[command]])
        for step in STEPS:
            dataset = Store.open(url).current_of(step.dataset)
            assert dataset is not None
            manifests = list(dataset.manifests())
            audio = sum(manifest.seconds for manifest in manifests)
            if step.source == ItemKey():
                report("harvest", audio, harvest, 0.0)
            work = sum(manifest.wall_seconds for manifest in manifests)
            report(step.command, audio, overall[step.command], work)
        clips = Path(folder) / "clips"
        export_clips(Store.open(url), clips, lineage_of)
        begun = time.perf_counter()
        make_piece(clips, Path(folder) / "piece.wav", minutes=options.minutes, seed=0)
        report("compose", 60 * options.minutes, time.perf_counter() - begun, 0.0)


if __name__ == "__main__":
    main()
