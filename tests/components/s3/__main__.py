"""``make s3`` and ``make s3-stop``: one server of S3 in ./build/s3, for trying things by hand."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.components.s3 import S3Error, VersityGateway
from tests.components.s3.versitygw import build


def main() -> None:
    """Start a server and print its bucket and what a shell needs, end it, or only build it."""
    folder = Path("build/s3").resolve()
    try:
        if sys.argv[1:] == ["build"]:
            build()
            return
        if sys.argv[1:] == ["stop"]:
            if folder.exists():
                VersityGateway(folder, lasting=True).stop()
            return
        server = VersityGateway(folder, lasting=True)
        server.start_or_stop()
    except S3Error as e:
        sys.exit(f"make s3: {e}")
    print(server.url)
    for name, value in server.variables.items():
        print(f"{name}={value}")


if __name__ == "__main__":
    main()
