"""What `make bench` runs: each stage of the job, then the native engine alone."""

from __future__ import annotations

import subprocess
import sys

COMMANDS = (
    ["benchmarks.stages"],
    ["benchmarks.native_decode", "--config", "small", "--batches", "1", "48"],
)

for module, *arguments in COMMANDS:
    print(f"\n$ python -m {' '.join([module, *arguments])}", flush=True)
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)
