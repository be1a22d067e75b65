"""The whole job by its command: in processes of its own what works, in this one what reads."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from hdfs_jobs.datasets.store import Store
from nsynth_batch.cli import main
from nsynth_batch.store.arrays import vectors

SEGMENT_SECONDS = 0.256


class Job:
    """A folder of recordings, a store, and the command between them."""

    def __init__(self, folder: Path, checkpoint: Path) -> None:
        self.recordings = folder / "recordings"
        self.recordings.mkdir()
        self.url = str(folder / "store")
        self.checkpoint = str(checkpoint)
        self.folder = folder

    def command(self, *words: str, more: bool = True) -> list[str]:
        settings = ["--store", self.url]
        if more:
            settings += ["--checkpoint", self.checkpoint, "--segment-seconds", str(SEGMENT_SECONDS)]
        return [sys.executable, "-m", "nsynth_batch", *words, *settings]

    def do(self, *words: str, more: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words, more=more), capture_output=True, text=True, check=False
        )

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command that starts no workers in this process, where all is imported already."""
        given = [*words, "--store", self.url]
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(given)
        return subprocess.CompletedProcess(given, code, out.getvalue(), err.getvalue())

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.do("run", str(self.recordings), *words)

    def status(self) -> dict[str, dict[str, Any]]:
        done = self.ask("status", "--json")
        assert done.returncode == 0, done.stderr
        content = json.loads(done.stdout)
        assert content["store"] == self.url
        stages: dict[str, dict[str, Any]] = content["stages"]
        return stages

    def store(self) -> Store:
        return Store.open(self.url)

    def clips(self) -> dict[str, bytes]:
        """Each clip's samples by its id."""
        dataset = self.store().current_of("clips")
        assert dataset is not None
        found = {}
        for _, table in dataset.tables():
            ids = table.column("clip_id").to_pylist()
            samples = vectors(table.column("samples"))
            found.update({i: s.tobytes() for i, s in zip(ids, samples, strict=True)})
        return found

    def files(self) -> dict[str, bytes]:
        """Everything that is committed: all but logs and the pointers to the latest datasets."""
        root = Path(self.url)
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and path.name != "latest.json" and path.parts[-3] != "logs"
        }
