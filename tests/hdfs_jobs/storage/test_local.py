"""File systems that lack something: libraries that refuse it stand for them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hdfs_jobs.storage.local import LocalStorage
from hdfs_jobs.storage.probe import probe

REFUSALS = {
    "nolink": """
        int link(const char *a, const char *b) { return refuse(); }
        int linkat(int a, const char *b, int c, const char *d, int e) { return refuse(); }
    """,
    "norename": """
        int renameat2(int a, const char *b, int c, const char *d, unsigned e) { return refuse(); }
    """,
    "nofsync": """
        int fsync(int fd) {
            struct stat s;
            if (!fstat(fd, &s) && S_ISDIR(s.st_mode)) return refuse();
            return (int)syscall(SYS_fsync, fd);
        }
    """,
    "nosync": """
        int fsync(int fd) { return refuse(); }
        int syncfs(int fd) { return refuse(); }
    """,
}
HEAD = """
    #define _GNU_SOURCE
    #include <errno.h>
    #include <stdlib.h>
    #include <sys/stat.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    static int refuse(void) { errno = atoi(getenv("REFUSED_WITH")); return -1; }
"""
WORK = """
import os, sys
from hdfs_jobs.storage.local import LocalStorage
from hdfs_jobs.storage.probe import probe

probe(LocalStorage(sys.argv[1]))
assert not os.path.exists(sys.argv[1])
storage = LocalStorage(sys.argv[1])
assert storage.publish("a/file", b"one") and not storage.publish("a/file", b"two")
storage.replace("a/other", b"two")
assert storage.replace_if("a/file", b"one", b"three")
assert not storage.replace_if("a/file", b"one", b"four")
assert storage.read_bytes("a/file") == b"three"
assert storage.replace_if("a/file", b"three", None)
print(sorted(entry.path for entry in storage.walk()))
"""
HERE = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refusals")
    for name, body in REFUSALS.items():
        (folder / f"{name}.c").write_text(HEAD + body)
        command = ["cc", "-shared", "-fPIC", "-o", f"{name}.so", f"{name}.c"]
        subprocess.run(command, cwd=folder, check=True)
    return folder


def work(
    libraries: Path, refusals: list[str], number: int, store: Path
) -> subprocess.CompletedProcess[str]:
    preload = ":".join(str(libraries / f"{name}.so") for name in refusals)
    return subprocess.run(
        [sys.executable, "-c", WORK, str(store)],
        env={**os.environ, "LD_PRELOAD": preload, "REFUSED_WITH": str(number)},
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("refusals", "number"),
    [
        (["nolink"], errno.EOPNOTSUPP),
        (["nolink"], errno.EPERM),
        (["nolink"], errno.ENOSYS),
        (["norename"], errno.EINVAL),
        (["norename"], errno.ENOSYS),
        (["nofsync"], errno.EINVAL),
        (["nofsync"], errno.EOPNOTSUPP),
        (["nolink", "nofsync"], errno.EOPNOTSUPP),
        (["norename", "nofsync"], errno.EINVAL),
    ],
)
def test_what_is_refused_is_done_another_way(
    libraries: Path, tmp_path: Path, refusals: list[str], number: int
) -> None:
    done = work(libraries, refusals, number, tmp_path / "new" / "store")
    assert (done.returncode, done.stdout) == (0, "['a/other']\n"), done.stderr


@pytest.mark.parametrize(
    ("refusals", "number", "said"),
    [
        (["nolink", "norename"], errno.EOPNOTSUPP, "neither hard links nor exclusive renames"),
        (["nosync"], errno.EINVAL, "Invalid argument"),
        (["nosync"], errno.EIO, "Input/output error"),
    ],
)
def test_what_cannot_be_done_another_way_is_found_before_there_is_a_store(
    libraries: Path, tmp_path: Path, refusals: list[str], number: int, said: str
) -> None:
    done = work(libraries, refusals, number, tmp_path / "store")
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert said in last and str(tmp_path) in last
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_store_is_to_be_is_found(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        probe(LocalStorage(str(tmp_path / "store" / "deeper")))
    with pytest.raises(NotADirectoryError):
        probe(LocalStorage(str(tmp_path / "store")))


def test_an_error_names_the_path_and_not_the_temporary_file(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    (tmp_path / "taken" / "full").mkdir(parents=True)
    with pytest.raises(IsADirectoryError) as caught:
        storage.replace("taken", b"data")
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path / "taken"), None)
    name = "n" * 256
    with pytest.raises(OSError) as refused:
        storage.replace(name, b"data")
    assert (refused.value.errno, refused.value.filename2) == (errno.ENAMETOOLONG, None)
    assert refused.value.filename == str(tmp_path / name)
