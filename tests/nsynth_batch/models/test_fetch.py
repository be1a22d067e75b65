from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nsynth_batch.models.fetch import DownloadError, fetch_checkpoint
from nsynth_batch.models.weights import CheckpointError


def tar_of(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in names:
            data = name.encode() * 50_000
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


CHECKPOINT = tar_of("wavenet-ckpt/model.ckpt-5.index", "wavenet-ckpt/model.ckpt-5.meta")


class Server(http.server.ThreadingHTTPServer):
    """Serves one file by ranges, and breaks off after `most` bytes for the first `breaks` times."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.breaks, self.ranges = content, 0, []
        self.status: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/model.tar"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        version = f'"{hashlib.sha256(self.server.content).hexdigest()}"'
        if self.headers.get("If-Range", version) != version:
            wanted = None
        if self.server.status:
            self.send_error(self.server.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        body = self.server.content[start:]
        if not body:
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("ETag", version)
        if wanted:
            whole = len(self.server.content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(CHECKPOINT) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_whole_file_is_fetched_checked_and_unpacked(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    digest = hashlib.sha256(CHECKPOINT).hexdigest()
    found = fetch_checkpoint(
        tmp_path, url=server.url, sha256=digest, on_progress=lambda *now: seen.append(now)
    )
    assert found.prefix == tmp_path / "wavenet-ckpt" / "model.ckpt-5"
    assert found.prefix.with_name("model.ckpt-5.index").exists()
    assert (found.sha256, found.checked) == (digest, True)
    assert seen[-1] == (len(CHECKPOINT), len(CHECKPOINT))
    fetch_checkpoint(tmp_path, url=server.url)
    assert len(server.ranges) == 1


def test_broken_download_goes_on_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.breaks = 2
    found = fetch_checkpoint(tmp_path, url=server.url, wait_seconds=0)
    assert found.sha256 == hashlib.sha256(CHECKPOINT).hexdigest()
    assert not found.checked
    assert server.ranges[0] is None
    assert all(wanted.startswith("bytes=") for wanted in server.ranges[1:])
    assert len(server.ranges) == 3


def test_broken_download_is_kept_for_the_next_run(server: Server, tmp_path: Path) -> None:
    server.breaks = 1
    with pytest.raises(DownloadError, match="run it again"):
        fetch_checkpoint(tmp_path, url=server.url, tries=1)
    assert not (tmp_path / "model.tar").exists()
    fetch_checkpoint(tmp_path, url=server.url, tries=1)
    assert server.ranges[1] is not None


def test_part_that_is_already_whole_is_noticed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.tar.part").write_bytes(CHECKPOINT)
    fetch_checkpoint(tmp_path, url=server.url, tries=1)
    assert (tmp_path / "model.tar").read_bytes() == CHECKPOINT


def test_two_versions_are_never_joined(server: Server, tmp_path: Path) -> None:
    server.breaks = 1
    with pytest.raises(DownloadError):
        fetch_checkpoint(tmp_path, url=server.url, tries=1)
    server.content = tar_of("other/model.ckpt-6.index", "other/model.ckpt-6.meta")
    fetch_checkpoint(tmp_path, url=server.url, tries=1)
    assert (tmp_path / "model.tar").read_bytes() == server.content
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model.tar",
        "model.tar.sha256",
        "other",
    ]


def test_file_of_this_machine_is_fetched_like_one_of_the_web(tmp_path: Path) -> None:
    (tmp_path / "model.tar").write_bytes(CHECKPOINT)
    to = tmp_path / "to"
    found = fetch_checkpoint(to, url=(tmp_path / "model.tar").as_uri())
    assert found.sha256 == hashlib.sha256(CHECKPOINT).hexdigest()


def test_wrong_checksum_is_refused_and_removed(server: Server, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="its SHA-256 is"):
        fetch_checkpoint(tmp_path, url=server.url, sha256="0" * 64)
    assert not (tmp_path / "model.tar").exists()


def test_first_checksum_holds_later_ones(server: Server, tmp_path: Path) -> None:
    fetch_checkpoint(tmp_path, url=server.url)
    (tmp_path / "model.tar").unlink()
    server.content = tar_of("other/model.ckpt-6.index")
    with pytest.raises(CheckpointError, match="its SHA-256 is"):
        fetch_checkpoint(tmp_path, url=server.url)


def test_missing_file_is_not_tried_again(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(CheckpointError, match="answers 404"):
        fetch_checkpoint(tmp_path, url=server.url)
    assert len(server.ranges) == 1


def test_busy_server_is_tried_again_then_given_up(server: Server, tmp_path: Path) -> None:
    server.status = 503
    with pytest.raises(DownloadError, match="answers 503, after 3 tries"):
        fetch_checkpoint(tmp_path, url=server.url, tries=3, wait_seconds=0)
    assert len(server.ranges) == 3


def test_unreachable_server_says_so(server: Server, tmp_path: Path) -> None:
    server.server_close()
    with pytest.raises(DownloadError, match="refused"):
        fetch_checkpoint(tmp_path, url="http://127.0.0.1:9/model.tar", tries=1)


@pytest.mark.parametrize("content", [b"no tar", tar_of("a.txt"), tar_of("a.index", "b.index")])
def test_what_is_no_checkpoint_says_so(server: Server, tmp_path: Path, content: bytes) -> None:
    server.content = content
    with pytest.raises(CheckpointError, match=r"not a whole tar|holds [02] checkpoints"):
        fetch_checkpoint(tmp_path, url=server.url)


def test_file_that_leads_elsewhere_is_refused(server: Server, tmp_path: Path) -> None:
    server.content = tar_of("../outside.index")
    with pytest.raises(CheckpointError, match="leads elsewhere"):
        fetch_checkpoint(tmp_path / "in", url=server.url)
    assert not (tmp_path / "outside.index").exists()
