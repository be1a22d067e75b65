"""Manifests as YAML that every parser reads alike."""

from __future__ import annotations

import re
from typing import Any

import yaml

from nsynth_batch.submit.job_manifest import JobManifest

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9./_-]*")
_WORDS_OF_YAML = frozenset(["y", "yes", "n", "no", "on", "off", "true", "false", "null"])


def as_yaml(manifest: JobManifest) -> str:
    """Print a manifest: the same text for the same manifest, keys in their own order.

    Strings are quoted unless they are plain words: parsers of YAML 1.1 and 1.2 disagree on what
    ``1e3``, ``0o7`` or ``no`` mean.
    """
    text: str = yaml.dump(
        manifest,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=4096,
    )
    return text


def from_yaml(text: str) -> Any:
    """Read back what `as_yaml` printed."""
    return yaml.safe_load(text)


class _Dumper(yaml.SafeDumper):
    """Quotes strings by our rule, and repeats what occurs twice instead of pointing to it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _string)
