"""What the documents tell people to type is what the programs take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from nsynth_batch.cli import ALL_FAILED
from nsynth_batch.commands.program import app as nsynth_batch
from sequencer.commands.program import app as sequencer

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PROGRAMS = {"nsynth-batch": nsynth_batch, "sequencer": sequencer}
_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")
_ENDS = {"|", ";", "&&", "||", ">", ">>", "&"}


def typed(text: str) -> Iterator[tuple[str, bool]]:
    """Give each line of code of a document, and whether it is to be typed as it stands."""
    for language, block in _FENCED.findall(text):
        if language in {"sh", "cron"}:
            yield from ((line, True) for line in block.replace("\\\n", " ").splitlines())
    for code in _INLINE.findall(_FENCED.sub("", text)):
        if "…" not in code:
            yield " ".join(code.split()), False


def calls(line: str) -> Iterator[list[str]]:
    """Give the words of each call of our programs in a line of shell."""
    lexer = shlex.shlex(re.sub(r"\$\([^()]*\)", "7", line), posix=True, punctuation_chars="|;&>")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        # Half a quote: no line of shell.
        return
    for at, word in enumerate(words):
        of_cron = line[:1].isdigit()
        if word in PROGRAMS and (at == 0 or words[at - 1] in _ENDS or of_cron):
            end = next((i for i in range(at, len(words)) if words[i] in _ENDS), len(words))
            yield words[at:end]


def all_calls() -> list[tuple[str, str, bool]]:
    """Give document, call and whether it is whole, of all of them."""
    found = {
        (document.name, shlex.join(call), whole)
        for document in DOCUMENTS
        for line, whole in typed(document.read_text("utf-8"))
        for call in calls(line)
        # The names alone stand for the programs.
        if len(call) > 1
    }
    return sorted(found)


@pytest.mark.parametrize(("document", "call", "whole"), all_calls())
def test_every_command_in_the_documents_parses(document: str, call: str, whole: bool) -> None:
    program, *words = shlex.split(call)
    command: Any = typer.main.get_command(PROGRAMS[program])
    name = program
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name, *words = words
        assert name in command.commands, f"{document}: {call}"
        command = command.commands[name]
    given = [f"{ALL_FAILED}=all" if word == ALL_FAILED else word for word in words]
    try:
        command.make_context(name, given or ["--help"])
    except typer.Exit:
        assert not given
    except typer.BadParameter as error:
        # Prose names a command and a flag of it, and leaves the rest out.
        if whole or type(error).__name__ != "MissingParameter":
            raise


def test_every_command_has_an_example_in_the_table() -> None:
    table = (ROOT / "docs" / "commands.md").read_text("utf-8")
    shown = [
        shlex.split(code) for code in re.findall(r"^\| `[^`]+` \| `([^`]+)`", table, re.MULTILINE)
    ]
    for program, app in PROGRAMS.items():
        for name, command in typer.main.get_group(app).commands.items():
            for words in [[name, below] for below in getattr(command, "commands", {})] or [[name]]:
                whole = [program, *words]
                assert any(call[: len(whole)] == whole for call in shown), whole


def test_commands_are_found_where_they_stand() -> None:
    line = '0 3 * * *  nsynth-batch run in --seed $(date +\\%Y); echo "x $?" > sequencer.prom'
    assert list(calls(line)) == [["nsynth-batch", "run", "in", "--seed", "7"]]
    assert list(calls("make hdfs | grep nsynth-batch run # sequencer")) == []
    documents = {document for document, _, _ in all_calls()}
    assert {"README.md", "operations.md", "rights.md"} <= documents
    assert len(all_calls()) > 50
