"""What the server of an audition gives, and what it does not."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sequencer.audition.listing import list_clips
from sequencer.audition.server import Audition, AuditionServer
from sequencer.cli import main
from sequencer.clips.choices import read_choices
from sequencer.score.files import read_score
from tests.sequencer.audition.exports import export
from tests.sequencer.sounds import encoded, pluck

COMMAND = "import sys; from sequencer.cli import main; sys.exit(main())"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AuditionServer]:
    folder = export(tmp_path / "clips", 3)
    (tmp_path / "secret.txt").write_text("secret")
    audition = Audition("clips", list_clips(folder), tmp_path / "choices.json", None)
    with AuditionServer(audition, 0) as started:
        thread = threading.Thread(target=started.serve_forever)
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def ask(
    server: AuditionServer,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    **headers: str,
) -> tuple[http.client.HTTPResponse, bytes]:
    """Ask under the audition's path, as the page itself would unless `headers` say otherwise."""
    host = f"127.0.0.1:{server.server_port}"
    sent = {"Host": host, "Origin": f"http://{host}", "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request(method, f"/{server.audition.token}/{path}", body, sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def status(server: AuditionServer, path: str, method: str = "GET", **headers: str) -> int:
    return ask(server, path, method, **headers)[0].status


def test_it_listens_on_loopback_only(server: AuditionServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert len(server.audition.token) >= 20


def test_sounds_come_whole_and_in_parts(server: AuditionServer, tmp_path: Path) -> None:
    shown = server.audition.listing.shown[0]
    data = (tmp_path / "clips" / "0.wav").read_bytes()
    name = f"sounds/{shown.sound_name}"
    answer, content = ask(server, name)
    assert (answer.status, answer.getheader("Content-Type")) == (200, "audio/wav")
    assert content == data
    for asked, first, stop in (
        ("bytes=0-", 0, len(data)),
        ("bytes=100-199", 100, 200),
        ("bytes=-50", len(data) - 50, len(data)),
        ("bytes=10-9999999", 10, len(data)),
    ):
        answer, content = ask(server, name, Range=asked)
        assert (answer.status, content) == (206, data[first:stop])
        assert answer.getheader("Content-Range") == f"bytes {first}-{stop - 1}/{len(data)}"
    assert status(server, name, Range=f"bytes={len(data)}-") == 416
    assert ask(server, name, Range="lines=1-2")[1] == data
    answer, content = ask(server, name, "HEAD")
    assert (answer.status, content) == (200, b"")
    assert answer.getheader("Content-Length") == str(len(data))


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "sounds/../../secret.txt",
        "sounds/..%2f..%2fsecret.txt",
        "sounds//etc/passwd",
        "sounds/0.wav",
        "sounds/",
        "sounds/clips.jsonl",
        "pictures/x.png",
        "clips.jsonl",
        "choices",
        "choices.json",
    ],
)
def test_nothing_else_is_served(server: AuditionServer, path: str) -> None:
    assert status(server, path) == 404


def test_sounds_of_parents_come_by_the_names_that_the_page_gives(
    server: AuditionServer, tmp_path: Path
) -> None:
    shown = server.audition.listing.shown[0]
    for parent, file in zip(shown.parents, ("wind", "choir"), strict=True):
        assert parent is not None
        answer, content = ask(server, f"parents/{parent[0]}")
        assert answer.status == 200
        assert content == (tmp_path / "clips" / "parents" / f"{file}.wav").read_bytes()
    assert server.audition.listing.shown[1].parents == (None, None)
    for name in ("wind.wav", "../clips.jsonl", shown.sound_name):
        assert status(server, f"parents/{name}") == 404


def test_other_hosts_paths_and_methods_are_refused(server: AuditionServer) -> None:
    assert status(server, "") == 200
    assert status(server, "", Host=f"localhost:{server.server_port}") == 200
    for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1"):
        assert status(server, "", Host=host) == 421
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().status == 404
    connection.close()
    assert status(server, "", "PUT") == 501
    page, _ = ask(server, "")
    assert page.getheader("X-Frame-Options") == "DENY"
    assert page.getheader("Referrer-Policy") == "no-referrer"


def test_a_sound_that_became_a_link_is_not_followed(server: AuditionServer, tmp_path: Path) -> None:
    name = f"sounds/{server.audition.listing.shown[0].sound_name}"
    sound = tmp_path / "clips" / "0.wav"
    sound.unlink()
    sound.symlink_to(tmp_path / "secret.txt")
    assert status(server, name) == 404


def test_links_out_of_the_folder_are_not_shown(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "a.wav").write_bytes(encoded(pluck()))
    (tmp_path / "b.wav").write_bytes(encoded(pluck(1.0, 300)))
    (folder / "b.wav").symlink_to(tmp_path / "b.wav")
    (folder / "c.wav").write_bytes(b"no sound")
    listing = list_clips(folder)
    assert [shown.clip.file for shown in listing.shown] == ["a.wav"]
    assert any("'b.wav': a link leads out of the folder" in note for note in listing.notes)
    assert any("'c.wav': not-audio" in note for note in listing.notes)


def test_choices_come_from_the_page_alone(server: AuditionServer) -> None:
    choices = server.audition.choices
    body = json.dumps({"clip": "clip-0", "choice": "keep"}).encode()
    for origin in ("http://evil.example", "null", ""):
        assert ask(server, "choices", "POST", body, Origin=origin)[0].status == 403
    assert ask(server, "choices", "POST", body, Content_Type="text/plain")[0].status == 415
    assert ask(server, "sounds/x", "POST", body)[0].status == 404
    assert ask(server, "choices", "POST", b"x" * 70_000)[0].status == 413
    wrong = ("[]", "{", '{"clip": 1, "choice": "keep"}', '{"clip": "z", "choice": ""}')
    for text in ("", *wrong, '{"clip": "clip-0", "choice": "maybe"}'):
        assert ask(server, "choices", "POST", text.encode())[0].status == 400
    assert not choices.exists()
    assert ask(server, "choices", "POST", body)[0].status == 200
    assert read_choices(choices) == {"clip-0": "keep"}
    back = json.dumps({"clip": "clip-0", "choice": ""}).encode()
    assert ask(server, "choices", "POST", back)[0].status == 200
    assert read_choices(choices) == {}


def test_compose_keeps_to_what_was_chosen(server: AuditionServer, tmp_path: Path) -> None:
    first, second, third = (shown.clip.clip_id for shown in server.audition.listing.shown)
    for clip_id, choice in ((first, "reject"), (second, "keep"), (third, "reject")):
        body = json.dumps({"clip": clip_id, "choice": choice}).encode()
        assert ask(server, "choices", "POST", body)[0].status == 200
    out = tmp_path / "piece.wav"
    command = ["compose", str(tmp_path / "clips"), "-o", str(out), "--minutes", "0.1"]
    assert main([*command, "--choices", str(server.audition.choices)]) == 0
    assert list(read_score(tmp_path / "piece.score.json").clips) == [second]


def test_a_choice_that_cannot_be_written_is_told(server: AuditionServer) -> None:
    server.audition.choices.mkdir()
    body = json.dumps({"clip": "clip-0", "choice": "keep"}).encode()
    answer, content = ask(server, "choices", "POST", body)
    assert answer.status == 500
    assert b"choices.json" in content


def test_a_port_that_is_taken_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = export(tmp_path / "clips", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["audition", str(folder), "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert error == (
        f"sequencer: port {port} cannot be had (Address already in use); "
        "choose another by --port, or 0 for a free one\n"
    )
    assert main(["audition", str(folder), "--port", "99999"]) == 2
    assert capsys.readouterr().err.startswith("sequencer: port 99999 cannot be had (")


def test_a_page_within_the_clips_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = export(tmp_path / "clips", 1)
    before = sorted(folder.iterdir())
    for out in (folder, folder / "page"):
        assert main(["audition", str(folder), "-o", str(out)]) == 2
    assert "name another" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_parents_that_lead_out_of_the_folder_are_not_given_out(tmp_path: Path) -> None:
    folder = export(tmp_path / "clips", 1)
    (tmp_path / "secret.wav").write_bytes(encoded(pluck()))
    (folder / "parents" / "wind.wav").unlink()
    (folder / "parents" / "wind.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "parents" / "choir.wav").unlink()
    [shown] = list_clips(folder).shown
    assert shown.parents == (None, None)


def test_an_interrupt_ends_it_quietly(tmp_path: Path) -> None:
    folder = export(tmp_path / "clips", 1)
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "audition", str(folder), "--port", "0"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("1 clip at http://127.0.0.1:")
        assert "choices go to" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert errors == ""
