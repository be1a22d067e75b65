"""A server of S3 that has a listing alone, of any length: no real one here has millions of keys."""

from __future__ import annotations

import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

PAGE = 1000
_OBJECT = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-31T12:30:00.250Z</LastModified>"
    "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>{size}</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)


class ListedKeys:
    """Answers ListObjectsV2 with `count` keys below whatever prefix is asked for, in their order.

    Attributes
    ----------
    pages : int
        How many were asked for.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.pages = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def page(self, prefix: str, start: int) -> bytes:
        """Return one page as Amazon writes it; an object has 100 bytes and its number."""
        end = min(self.count, start + PAGE)
        contents = "".join(
            _OBJECT.format(key=f"{prefix}{number:08d}.json", size=100 + number)
            for number in range(start, end)
        )
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" * (end < self.count)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>'
            f"<Prefix>{prefix}</Prefix><KeyCount>{end - start}</KeyCount><MaxKeys>{PAGE}</MaxKeys>"
            f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated><EncodingType>url</EncodingType>"
            f"{more}{contents}</ListBucketResult>"
        ).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        keys = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                keys.pages += 1
                body = keys.page(query.get("prefix", ""), int(query.get("continuation-token", 0)))
                self.send_response(200)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        return Handler
