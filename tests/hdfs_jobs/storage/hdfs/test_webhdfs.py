"""Who asks, and through what: a user without a name, a proxy that is not there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.components.hadoop import Hdfs

HERE = Path(__file__).parents[4]
NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME", "HADOOP_USER_NAME")
NAMELESS = """
#include <pwd.h>
#include <stddef.h>
int getpwuid_r(uid_t u, struct passwd *p, char *b, size_t n, struct passwd **found) {
    *found = NULL;
    return 0;
}
struct passwd *getpwuid(uid_t u) { return NULL; }
"""
ASK = """
import sys
from hdfs_jobs.storage.open import open_storage
try:
    print(open_storage(sys.argv[1]).exists("nothing"))
except OSError as error:
    print(getattr(error, "exit_code", 75), error)
"""


def ask(url: str, **variables: str) -> str:
    kept = {n: v for n, v in os.environ.items() if n not in NAMES and "proxy" not in n.lower()}
    done = subprocess.run(
        [sys.executable, "-c", ASK, url],
        env={**kept, "HDFS_JOBS_PATIENCE": "1", **variables},
        cwd=HERE,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.rstrip("\n")


@pytest.fixture(scope="session")
def nameless(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library under which no user id has a name."""
    folder = tmp_path_factory.mktemp("nameless")
    (folder / "nameless.c").write_text(NAMELESS)
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", "nameless.so", "nameless.c"], cwd=folder, check=True
    )
    return str(folder / "nameless.so")


def test_a_user_without_a_name_is_asked_for_one(hdfs: Hdfs, nameless: str) -> None:
    line = ask(hdfs.webhdfs_url, LD_PRELOAD=nameless)
    assert line == (
        f"2 user id {os.getuid()} has no name here, and HDFS asks for one: set HADOOP_USER_NAME"
    )
    assert ask(hdfs.webhdfs_url, LD_PRELOAD=nameless, HADOOP_USER_NAME="somebody") == "False"


def test_without_a_cluster_a_user_without_a_name_is_no_matter(nameless: str) -> None:
    assert "cannot be reached" in ask(f"webhdfs://127.0.0.1:{free_port()}/s", LD_PRELOAD=nameless)


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "HTTP_PROXY"])
def test_a_proxy_that_is_not_there_is_named(variable: str) -> None:
    port = free_port()
    proxy = f"http://me:secret@127.0.0.1:{port}"
    line = ask("webhdfs://localhost:9870/s", **{variable: proxy})
    assert line.startswith(
        "75 webhdfs://localhost:9870/s/nothing: cannot be reached through the proxy "
        f"http://127.0.0.1:{port} ("
    )
    assert "no_proxy" in line and "secret" not in line and "\n" not in line


def test_a_host_that_no_proxy_is_for_is_asked_itself() -> None:
    url = f"webhdfs://127.0.0.1:{free_port()}/s"
    line = ask(url, http_proxy=f"http://127.0.0.1:{free_port()}", no_proxy="127.0.0.1")
    assert line.startswith(f"75 {url}/nothing: cannot be reached (") and "proxy" not in line


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
