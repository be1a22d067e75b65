"""The command that is to run in the cluster, read here by the parser that reads it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import typer

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.open import is_remote
from nsynth_batch.settings.settings import Settings, check_flags
from nsynth_batch.sources.resolve import is_on_the_web, refuse_ignored

COMMANDS = (
    "run",
    "harvest",
    "shard",
    "encode",
    "mash",
    "decode",
    "train",
    "verify",
    "status",
    "gc",
)
"""Those that leave what they make in a store, or where MODEL is; of others it ends with the pod."""

_WITH_PATHS = ("urls:", "fma:", "nsynth:", "commons:List:")
_FLAGS = ("store", "checkpoint", "themes", "tls_ca", "tls_cert", "tls_key", "init", "replay")
_PATHS = {name: f"--{name.replace('_', '-')}" for name in _FLAGS} | {
    "out": "MODEL",
    "folder": "--from",
}
_MODELS = ("checkpoint", "init")


@dataclass(frozen=True)
class Command:
    """A command that may be sent.

    Attributes
    ----------
    words
        As it was given.
    fetches
        Whether it asks the web.
    """

    words: tuple[str, ...]
    fetches: bool


def parse_command(
    program: Any, words: Sequence[str], mounted: Sequence[str], owner: typer.Context
) -> Command:
    """Parse a command's words without running it.

    Parameters
    ----------
    program : click.Group
        The whole command line.
    words : sequence of str
        The command and its flags.
    mounted : sequence of str
        Folders of the pod that outlast it or come with it.
    owner : typer.Context
        Of the command that sends it.

    Raises
    ------
    UsageError
        If the command is none of `COMMANDS`, a setting is out of range or would do nothing, or it
        names a file that the pod does not have.
    click.UsageError
        If the parser does not take the words.
    """
    name, *rest = words
    if name not in COMMANDS:
        raise UsageError(
            f"{name!r} cannot be submitted: the command is one of {', '.join(COMMANDS)}, "
            "and flags of submit stand before it"
        )
    command = program.get_command(owner, name)
    values = command.make_context(name, list(rest), parent=owner.parent).params
    own = {parameter.name for parameter in command.params if parameter.param_type_name == "option"}
    flags = {key: values[key] for key in own & set(Settings.model_fields)}
    check_flags(flags)
    source = values.get("source")
    refuse_ignored(source, {key for key, value in flags.items() if value is not None})
    _refuse_what_is_here(values, mounted)
    if source is not None:
        _refuse_source(source, mounted)
    return Command(tuple(words), source is not None and is_on_the_web(source))


def _refuse_what_is_here(values: Mapping[str, Any], mounted: Sequence[str]) -> None:
    for name, flag in _PATHS.items():
        value = values.get(name)
        if value and not (name in _MODELS and _is_bundled(str(value))):
            _require_there(flag, str(value), mounted)
    held_out = values.get("held_out")
    if held_out and not _is_number(held_out):
        _require_there("--held-out", held_out, mounted)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_bundled(checkpoint: str) -> bool:
    # The model's modules are heavy to import.
    from nsynth_batch.models.checkpoint import bundled_names

    return checkpoint in bundled_names()


def _refuse_source(source: str, mounted: Sequence[str]) -> None:
    listed = next((source.removeprefix(p) for p in _WITH_PATHS if source.startswith(p)), None)
    if listed is not None or not is_on_the_web(source):
        _require_there("SOURCE", source if listed is None else listed, mounted)


def _require_there(what: str, path: str, mounted: Sequence[str]) -> None:
    if is_remote(path):
        return
    place = PurePosixPath(path)
    if ".." in place.parts or not any(place.is_relative_to(folder) for folder in mounted):
        raise UsageError(
            f"{what} {path} is a path of this machine, which the pod does not have: give a "
            "webhdfs:// or hdfs:// URL, or a path below a --volume CLAIM:PATH"
        )
