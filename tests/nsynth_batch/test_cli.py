"""The command line itself: help, versions, errors on one line, exit codes."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from nsynth_batch.cli import main
from nsynth_batch.commands.options import FLAGS_OF_SETTINGS, default_shown
from nsynth_batch.commands.program import app
from nsynth_batch.settings.settings import Settings
from tests.nsynth_batch.recordings import write_wav

COMMANDS = {
    "harvest", "shard", "encode", "mash", "decode", "run", "status", "verify", "clips", "gc",
    "encodings", "figures", "demo", "make", "reconstruct", "mashup", "doctor", "train", "generate",
    "checkpoint inspect", "checkpoint convert", "checkpoint fetch",
    "runs", "logs", "catalog show", "catalog export", "forget", "submit",
}  # fmt: skip


def commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        path = f"{prefix}{name}"
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} ")
        else:
            yield path, command


ALL = dict(commands(typer.main.get_command(app)))


def test_the_commands_are_those_of_the_design() -> None:
    assert set(ALL) == COMMANDS


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_and_option_has_help_and_an_example_that_parses(name: str) -> None:
    command = ALL[name]
    first, *_ = command.help.splitlines()
    assert 10 < len(first) < 60
    assert all(option.help for option in command.params if option.param_type_name == "option")
    [example] = [x for x in command.help.splitlines() if x.startswith("Example: ")]
    words = shlex.split(example.removeprefix("Example: "))
    assert words[: 1 + len(name.split())] == ["nsynth-batch", *name.split()]
    command.make_context(name, words[1 + len(name.split()) :])


def test_help_answers_in_well_under_a_second_and_imports_nothing_heavy() -> None:
    heavy = ("tensorflow", "pyarrow", "distributed", "numpy", "pydantic_settings")
    code = (
        "import sys; from nsynth_batch.cli import main; code = main(['run', '--help']); "
        f"print([m for m in {heavy} if m in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # Idle it takes a third of a second; a busy machine gets some grace.
    assert time.monotonic() - started < 3
    assert done.stderr.strip() == "[]"
    assert "--max-bad-fraction" in done.stdout


def test_help_shows_each_setting_with_its_own_default() -> None:
    help_of = {
        option.name: option.help
        for command_name, command in ALL.items()
        for option in command.params
        # Flags of these have the name of a setting and are others: the pod's, a pair's, a clip's.
        if option.param_type_name == "option"
        and command_name not in ("submit", "generate", "clips")
    }
    for name, flag in FLAGS_OF_SETTINGS.items():
        field = Settings.model_fields[name]
        default = None if field.default_factory else field.get_default()
        shown = default_shown(name)
        if default is None or default is False or default in ("", ()):
            # What stands there says what happens without the setting.
            assert shown == "", name
        else:
            text = default if isinstance(default, str) else str(default).removesuffix(".0")
            assert shown == (",".join(default) if isinstance(default, tuple) else text), name
            assert f"[default: {shown}{flag.remark}]" in help_of[name]
    assert set(FLAGS_OF_SETTINGS) <= set(help_of)


@pytest.mark.parametrize(
    "words", [["-h"], ["run", "-h"], ["catalog", "-h"], ["catalog", "show", "-h"]]
)
def test_a_short_flag_shows_the_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert "Usage: nsynth-batch" in capsys.readouterr().out


def test_commands_and_options_stand_in_panels(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    heads = [line for line in lines if line[:1].strip() and line.endswith(":")]
    assert heads == [
        "To begin with:", "From recordings to clips:", "What a store holds:", "Models:",
        "On Kubernetes:", "Options:",
    ]  # fmt: skip
    assert main(["run", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    workers = lines.index("Workers:")
    assert workers < next(n for n, line in enumerate(lines) if "--scheduler" in line)
    assert workers > lines.index("Model:")


@pytest.mark.parametrize("module", ["nsynth_batch", "sequencer"])
def test_both_programs_complete_words_and_run_as_modules(module: str) -> None:
    variable = f"_{module.upper()}_COMPLETE"
    name = module.replace("_", "-")
    wanted = {"nsynth_batch": "status", "sequencer": "compose"}[module]
    asked = {variable: "complete_bash", "COMP_WORDS": f"{name} {wanted[:3]}", "COMP_CWORD": "1"}
    program = [sys.executable, "-m", module]
    done = subprocess.run(
        program, env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [wanted]
    done = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{name} 0.")


def test_an_interrupt_while_the_program_starts_is_one_line_and_130() -> None:
    # The first interrupt comes with the first import of the program's own.
    code = (
        "import builtins, signal, sys\n"
        "from nsynth_batch.cli import main\n"
        "real, seen = builtins.__import__, []\n"
        "def importing(name, *rest):\n"
        "    seen.append(name)\n"
        "    if len(seen) == int(sys.argv[1]): signal.raise_signal(signal.SIGINT)\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = importing\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.exit(main(['status', '--store', 'missing']))\n"
    )
    for number in (1, 7, 60, 250):
        done = subprocess.run(
            [sys.executable, "-c", code, str(number)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 130, (number, done.stderr)
        assert done.stderr == "nsynth-batch: interrupted; run the same command again to go on\n"


def test_a_title_that_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    write_wav(tmp_path / "in" / "\u65e5\u672c.wav")
    store = str(tmp_path / "store")
    program = [sys.executable, "-m", "nsynth_batch"]
    latin = os.environ | {"PYTHONIOENCODING": "latin-1"}
    subprocess.run([*program, "harvest", str(tmp_path / "in"), "--store", store], check=True)
    done = subprocess.run(
        [*program, "catalog", "show", "--store", store],
        env=latin, capture_output=True, check=True,
    )  # fmt: skip
    assert b"\\u65e5\\u672c" in done.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("nsynth-batch 0.")


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Usage: nsynth-batch" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("bogus", "No such command 'bogus'"),
        ("status --every 0", "'--every': must be greater than or equal to 1; see"),
        ("run --bogus", "see `nsynth-batch run --help`"),
        ("checkpoint fetch --bogus", "see `nsynth-batch checkpoint fetch --help`"),
        ("run --retry-failed=typo", "--retry-failed is 'typo'"),
        ("run --retry-failed=timeuot", "did you mean timeout?"),
        ("checkpoint fetch notaurl", "notaurl"),
        ("train out --learning-rate nan", "--learning-rate nan"),
        ("run --pairs many", "'--pairs'"),
        ("run --engine gpu", "'--engine'"),
        ("clips", "'--to'"),
        ("harvest", "SOURCE"),
        ("checkpoint", "Missing command"),
        ("run --pairs 0", "--pairs is 0"),
        ("run --pair nature", "nature:music"),
        ("status --store missing", "missing: not a store"),
        ("verify --store missing", "missing: not a store"),
        ("shard --store missing", "missing: not a store"),
        ("clips --store missing --to out", "missing: not a store"),
        ("gc --store missing", "missing: not a store"),
        ("harvest missing", "missing: no such folder"),
        ("harvest missing --dry-run", "missing: no such folder"),
        ("harvest empty", "no audio in this folder"),
        ("harvest commons:Category:Birds", "give --contact"),
        ("harvest gs://bucket/in", "no storage for gs://"),
        ("status --store gs://bucket/store", "no storage for gs://"),
        ("status --store filled", "not a store"),
        ("harvest filled --store filled", "not a store, and not empty"),
        ("status --store future", "format 99"),
        ("status --store filled/a.wav", "not a store but a file"),
    ],
)
def test_a_wrong_command_is_one_line_on_stderr_and_2(
    arguments: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "future").mkdir()
    (tmp_path / "future" / "store.json").write_text('{"format": 99}')
    write_wav(tmp_path / "filled" / "a.wav")
    assert main(arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("nsynth-batch: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err


@pytest.mark.parametrize("scheme", ["webhdfs", "hdfs"])
@pytest.mark.parametrize("arguments", ["harvest {} --store here", "status --store {}"])
def test_hdfs_that_does_not_answer_is_one_line_and_75(
    scheme: str, arguments: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    nobody = f"{scheme}://127.0.0.1:9/in"
    here = str(tmp_path / "here")
    assert main(arguments.replace("here", here).format(nobody).split()) == 75
    told = capfd.readouterr().err
    assert told.startswith(f"nsynth-batch: {nobody}")
    assert told.count("\n") == 1
    assert not (tmp_path / "here").exists()


def test_verbose_adds_the_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--store", str(tmp_path / "missing"), "--verbose"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("nsynth-batch: ")


def test_a_toml_with_an_unknown_key_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nsynth-batch.toml").write_text('stroe = "x"\n')
    assert main(["status"]) == 2
    assert "unknown key 'stroe'" in capsys.readouterr().err


def test_sources_csv_with_missing_columns_is_one_line_and_leaves_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "in" / "a.wav")
    (tmp_path / "in" / "sources.csv").write_text("file,title\na.wav,A\n")
    assert main(["harvest", "in", "--store", "store"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "sources.csv, line 1: missing columns 'author', 'licence'" in error
    assert not (tmp_path / "store").exists()


def test_a_harvest_names_what_it_left_alone_and_what_is_listed_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "a.wav")
    (tmp_path / "sources.csv").write_text(
        "file,author,licence\na.wav,Somebody,CC-BY-4.0\ngone.wav,Somebody,CC-BY-4.0\n"
    )
    assert main(["harvest", "."]) == 0
    assert main(["harvest", "."]) == 0
    first, second = capsys.readouterr().err.split("harvest: 1 recording,")[1:]
    listed = "harvest: warning: no recording is where sources.csv lists one: gone.wav\n"
    assert listed in first
    assert "left alone" not in first
    assert listed in second
    assert "harvest: warning: a store is left alone with all that is in it: nsynth-store" in second
    assert "LicenseRef-unknown" not in first + second
    assert main(["harvest", ".", "--dry-run"]) == 0
    assert listed in capsys.readouterr().out


def test_a_store_that_lost_a_recording_quarantines_it_and_takes_it_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "sub/b.wav"):
        write_wav(tmp_path / "in" / name)
    assert main(["harvest", "in"]) == 0
    sha1 = hashlib.sha1((tmp_path / "in" / "sub" / "b.wav").read_bytes()).hexdigest()
    [raw] = (tmp_path / "nsynth-store" / "raw").rglob(f"{sha1}.wav")
    raw.unlink()
    capsys.readouterr()
    assert main(["shard", "--workers", "1", "--retries", "0"]) == 0
    error = capsys.readouterr().err
    assert f"audio: quarantined sub/b.wav: missing: {raw} is missing since it was planned" in error
    assert main(["harvest", "in"]) == 0
    assert main(["shard", "--workers", "1"]) == 0
    error = capsys.readouterr().err
    assert "audio: 1 quarantined recordings are back and tried again" in error
    assert "quarantined sub/b.wav" not in error


def test_harvest_and_status_from_the_shell(tmp_path: Path) -> None:
    write_wav(tmp_path / "in" / "a b.wav")
    program = [sys.executable, "-m", "nsynth_batch"]
    store = str(tmp_path / "store")
    done = subprocess.run(
        [*program, "harvest", str(tmp_path / "in"), "--store", store],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == ""
    assert "1 recording, 1 new" in done.stderr
    assert "LicenseRef-unknown" in done.stderr
    done = subprocess.run(
        [*program, "status", "--json", "--store", store], capture_output=True, text=True, check=True
    )
    nothing = '{"shards": 0, "committed": 0, "rows": 0, "seconds": 0.0, "quarantined": 0}'
    assert done.stdout.startswith(
        f'{{"store": "{store}", "stages": {{"audio": {nothing}, "encodings": {nothing}, '
        f'"mashups": {nothing}, "clips": {nothing}}}, "last_run": {{"id": '
    )
