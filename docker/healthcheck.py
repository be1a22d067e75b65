#!/opt/nsynth-batch/bin/python -I
"""Check whether this container can do its work: `healthcheck [PORT…]`.

A container of this product may be a scheduler, a worker or a run. Scratch space must take a byte,
and each PORT must answer; without any, whatever of Dask's pages and the run's metrics is served
here must. Ends with 0, or with 1 and a line that says what is wrong.
"""

from __future__ import annotations

import sys
import tempfile
import urllib.error
import urllib.request

PAGES = {8787: "health", 8790: "health", 9108: "metrics"}
"""What is asked of a scheduler, a worker and a run."""

SECONDS = 5
"""An event loop that needs longer to answer has work stuck in it."""


def trouble(port: int, *, demanded: bool) -> str | None:
    """Ask one page; say what is wrong with it, if anything is.

    Parameters
    ----------
    port : int
        Of this container.
    demanded : bool
        Whether it is wrong that no process listens there.
    """
    url = f"http://127.0.0.1:{port}/{PAGES.get(port, 'health')}"
    try:
        # Without the proxy that the environment may name: this is a matter within the container.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        direct.open(url, timeout=SECONDS).close()
    except urllib.error.HTTPError as error:
        return f"{url} answers {error.code}"
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)
        if isinstance(cause, ConnectionRefusedError) and not demanded:
            return None
        return f"{url} does not answer: {cause}"
    return None


def main(arguments: list[str]) -> int:
    """Look at everything, and print what is wrong."""
    demanded = [int(port) for port in arguments]
    found = [trouble(port, demanded=bool(demanded)) for port in demanded or PAGES]
    try:
        with tempfile.TemporaryFile() as scratch:
            scratch.write(b"\0")
            scratch.flush()
    except OSError as error:
        found.append(f"scratch space cannot be written: {error}")
    wrong = [line for line in found if line]
    print("; ".join(wrong) or "healthy")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
