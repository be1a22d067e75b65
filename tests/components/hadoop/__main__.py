"""``make hdfs`` and ``make hdfs-stop``: one HDFS in ./build/hdfs, for trying things by hand."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.components.hadoop import HadoopError, Hdfs


def main() -> None:
    """Start HDFS and print its two URLs, or end it."""
    folder = Path("build/hdfs").resolve()
    try:
        if sys.argv[1:] == ["stop"]:
            if folder.exists():
                Hdfs(folder, lasting=True).stop()
            return
        hdfs = Hdfs(folder, lasting=True, ports=(9870, 8020))
        hdfs.start_or_stop()
    except HadoopError as e:
        sys.exit(f"make hdfs: {e}")
    print(hdfs.webhdfs_url)
    print(hdfs.hdfs_url)


if __name__ == "__main__":
    main()
