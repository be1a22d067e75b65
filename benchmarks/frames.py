"""How fast the family `frames` generates: seconds of sound a second, and a second of a processor.

Usage: python -m benchmarks.frames [--preset NAME …] [--clips N] [--seconds S] [--threads N]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

from hdfs_jobs.cores import usable_cores
from nsynth_batch.models.frame_gru.config import FRAME_CONFIGS
from nsynth_batch.models.frame_gru.engine import FrameEngine
from nsynth_batch.models.frame_gru.family import FAMILY
from nsynth_batch.models.frame_gru.model import FrameModel
from nsynth_batch.text import table


def main() -> None:
    """Print a line a preset."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", nargs="+", default=["tiny", "small", "1000_100", "4000_50"])
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--threads", type=int, default=usable_cores())
    arguments = parser.parse_args()
    rows = [["preset", "head", "x real time", "x real time, a processor"]]
    ids = [str(k) for k in range(arguments.clips)]
    for name in arguments.preset:
        config = replace(FRAME_CONFIGS[name], gain=10.0)
        weights = FAMILY.initial(config, 0)
        model = FrameModel(weights, FrameEngine(weights, threads=arguments.threads))
        model.generate(1.0, ids)
        wall, processor = time.perf_counter(), time.process_time()
        model.generate(arguments.seconds, ids)
        made = arguments.clips * arguments.seconds
        speeds = (
            made / (time.perf_counter() - wall),
            made / (time.process_time() - processor),
        )
        rows.append([name, config.head, *(f"{speed:,.0f}" for speed in speeds)])
    print(table(rows))


if __name__ == "__main__":
    main()
