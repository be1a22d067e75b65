"""An audition served on this machine only: the page, the sounds it names, and one file to write.

Everything lies under an unguessable path, so no other page can reach it by guessing; the Host
header has to name this machine, so that another name which points here (DNS rebinding) is
refused; and choices are taken from the page's own origin only.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from sequencer.audition.listing import Listing
from sequencer.audition.page import audition_page
from sequencer.clips.choices import CHOICES, read_choices, write_choices
from sequencer.errors import SequencerError
from sequencer.pictures.gallery import draw, picture_names

HOST = "127.0.0.1"
_MOST_BODY = 1 << 16
_BLOCK = 1 << 16
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TYPES = {
    ".wav": "audio/wav",
    ".wave": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
}


class Refused(Exception):
    """A request that is not answered: the status, and a line for the reader."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass
class Audition:
    """What is served, and where choices go.

    Attributes
    ----------
    name : str
        Of the folder.
    listing : Listing
    choices : Path
        The file that choices are written to; made with the first one.
    pictures : Path, optional
        The folder that keeps pictures, drawn when asked for; None for none.
    command : str
        What composes from the clips that were kept.
    """

    name: str
    listing: Listing
    choices: Path
    pictures: Path | None
    command: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def __post_init__(self) -> None:
        self._ids = {shown.clip.clip_id for shown in self.listing.shown}
        self._sounds = {shown.sound_name: shown.sound for shown in self.listing.shown}
        self._parents = dict(
            parent for shown in self.listing.shown for parent in shown.parents if parent
        )
        self._by_picture = {
            name: shown.sound
            for shown in self.listing.shown
            for name in picture_names(shown.clip.sha256)
        }
        self._writing = threading.Lock()
        self._drawing = threading.Lock()

    def page(self) -> bytes:
        """Write the page with the choices as they stand in the file."""
        pictures = {
            shown.clip.clip_id: [f"pictures/{name}" for name in picture_names(shown.clip.sha256)]
            for shown in (self.listing.shown if self.pictures else ())
        }
        chosen = read_choices(self.choices) if self.choices.exists() else {}
        text = audition_page(
            self.name,
            self.listing.shown,
            chosen,
            served=True,
            pictures=pictures,
            command=self.command,
        )
        return text.encode("utf-8", "replace")

    def sound(self, name: str, *, of_parent: bool = False) -> Path:
        """Find the sound of a name that the page gave out."""
        path = (self._parents if of_parent else self._sounds).get(name)
        # A link may have taken its place since.
        if path is None or path.resolve() != path or not path.is_file():
            raise Refused(HTTPStatus.NOT_FOUND, "no such sound")
        return path

    def picture(self, name: str) -> Path:
        """Find a picture of a name that the page gave out, and draw it first if need be."""
        sound = self._by_picture.get(name)
        if sound is None or self.pictures is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no such picture")
        path = self.pictures / name
        if not path.exists():
            with self._drawing:
                for _, why in draw({path: sound}):
                    if why:
                        raise Refused(HTTPStatus.NOT_FOUND, why)
        return path

    def choose(self, body: bytes) -> None:
        """Take one choice and write the file, whole or not at all."""
        try:
            value = json.loads(body)
            clip_id, choice = value["clip"], value["choice"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "a clip and a choice are expected") from error
        if not isinstance(clip_id, str) or clip_id not in self._ids:
            raise Refused(HTTPStatus.BAD_REQUEST, "no clip here has this id")
        if choice not in ("", *CHOICES):
            raise Refused(HTTPStatus.BAD_REQUEST, "the choice is keep, reject or nothing")
        with self._writing:
            # Read again each time: another audition may write to the same file.
            chosen = read_choices(self.choices) if self.choices.exists() else {}
            chosen.pop(clip_id, None)
            write_choices(self.choices, chosen | ({clip_id: choice} if choice else {}))


class AuditionServer(ThreadingHTTPServer):
    """Serves one audition on a port of the loopback interface, 0 for a free one.

    Raises
    ------
    SequencerError
        When the port is taken or cannot be had.
    """

    daemon_threads = True

    def __init__(self, audition: Audition, port: int) -> None:
        self.audition = audition
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise SequencerError(
                f"port {port} cannot be had ({why}); choose another by --port, or 0 for a free one"
            ) from error
        names = (HOST, "localhost")
        self.hosts = frozenset(f"{name}:{self.server_port}" for name in names)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/{self.audition.token}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore browsers that hang up, as they do when a sound is skipped."""


class _Handler(BaseHTTPRequestHandler):
    server: AuditionServer
    protocol_version = "HTTP/1.1"
    server_version = "sequencer"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_HEAD(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def _answer(self, respond: Callable[[str], None]) -> None:
        try:
            if self.headers.get("Host") not in self.server.hosts:
                raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "this is not the host you mean")
            first, slash, rest = self.path.removeprefix("/").partition("/")
            if not secrets.compare_digest(first.encode(), self.server.audition.token.encode()):
                raise Refused(
                    HTTPStatus.NOT_FOUND, "open the whole address that the terminal shows"
                )
            if not slash:
                raise Refused(HTTPStatus.NOT_FOUND, "the address ends with a slash")
            respond(rest)
        except Refused as error:
            self._send(error.status, f"{error.why}\n".encode(), "text/plain; charset=utf-8")
        except (SequencerError, OSError) as error:
            if isinstance(error, ConnectionError):
                raise
            text = f"{error}\n".encode("utf-8", "replace")
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, text, "text/plain; charset=utf-8")

    def _get(self, path: str) -> None:
        audition = self.server.audition
        folder, _, name = path.partition("/")
        if path == "":
            self._send(HTTPStatus.OK, audition.page(), "text/html; charset=utf-8")
        elif folder in ("sounds", "parents"):
            kind = _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
            self._send_file(audition.sound(name, of_parent=folder == "parents"), kind)
        elif folder == "pictures":
            self._send_file(audition.picture(name), "image/png")
        else:
            raise Refused(HTTPStatus.NOT_FOUND, "not here")

    def _post(self, path: str) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BODY:
            self.close_connection = True
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too much for a choice")
        body = self.rfile.read(int(length))
        if self.headers.get("Origin") not in {f"http://{host}" for host in self.server.hosts}:
            raise Refused(HTTPStatus.FORBIDDEN, "choices come from the page itself")
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON is expected")
        if path != "choices":
            raise Refused(HTTPStatus.NOT_FOUND, "not here")
        self.server.audition.choose(body)
        self._send(HTTPStatus.OK, b"saved\n", "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self._head(status, kind, len(body), {"Cache-Control": "no-store"})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_file(self, path: Path, kind: str) -> None:
        with path.open("rb") as file:
            size = path.stat().st_size
            part = self._part(size)
            first, stop = part or (0, size)
            # Names of sounds and pictures are by content.
            extra = {"Accept-Ranges": "bytes", "Cache-Control": "private, max-age=86400"}
            status = HTTPStatus.OK
            if part:
                status = HTTPStatus.PARTIAL_CONTENT
                extra["Content-Range"] = f"bytes {first}-{stop - 1}/{size}"
            self._head(status, kind, stop - first, extra)
            if self.command != "HEAD":
                self._copy(file, first, stop)

    def _part(self, size: int) -> tuple[int, int] | None:
        """Return the bytes that a Range header asks for; None for all, and for odd ranges."""
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if asked is None or not any(asked.groups()):
            return None
        if asked[1]:
            first = int(asked[1])
            stop = min(size, int(asked[2]) + 1) if asked[2] else size
        else:
            first, stop = max(0, size - int(asked[2])), size
        if first >= stop:
            raise Refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"there are {size} bytes")
        return first, stop

    def _copy(self, file: BinaryIO, first: int, stop: int) -> None:
        file.seek(first)
        while first < stop:
            block = file.read(min(_BLOCK, stop - first))
            if not block:
                self.close_connection = True
                return
            self.wfile.write(block)
            first += len(block)

    def _head(self, status: HTTPStatus, kind: str, length: int, extra: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the page shows what matters."""
