"""Web pages from this package's templates: escaped by default, and held to what they need."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from urllib.parse import urlsplit

from sequencer.text import flattened


def page_file(name: str, package: str = "") -> str:
    """Read a file of this package's templates, or of another package by its path there."""
    folder = resources.files(package) if package else resources.files("sequencer") / "templates"
    return folder.joinpath(name).read_text(encoding="utf-8")


def rendered(template: str, /, *, package: str = "", **values: object) -> str:
    """Fill a template, named as for `page_file`; whatever is put in is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(page_file(template, package)).render(**values)


def policy_hash(content: str) -> str:
    """Return the source expression by which a Content-Security-Policy allows inline content."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def web_address(url: str) -> str:
    """Return an address that may be a link: http or https with a host, on one line; else ""."""
    plain = flattened(url)
    try:
        parts = urlsplit(plain)
    except ValueError:
        return ""
    return plain if parts.scheme in ("http", "https") and parts.hostname else ""
