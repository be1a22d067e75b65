"""Settings: defaults < nsynth-batch.toml < NSYNTH_BATCH_* < flags."""

from __future__ import annotations

import hashlib
import re
from itertools import product
from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from nsynth_batch.settings.settings import (
    REASONS,
    SETTINGS_FILE,
    Settings,
    check_flags,
    load_settings,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_source_gives_way_to_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().pairs == 16
    (folder / SETTINGS_FILE).write_text('pairs = 20\nstore = "from-toml"\nseed = 4\n')
    assert load_settings().pairs == 20
    monkeypatch.setenv("NSYNTH_BATCH_PAIRS", "30")
    monkeypatch.setenv("NSYNTH_BATCH_STORE", "from-environment")
    assert load_settings().pairs == 30
    settings = load_settings({"pairs": 40, "store": None})
    assert (settings.pairs, settings.store, settings.seed) == (40, "from-environment", 4)


def test_an_unknown_key_is_one_line_that_names_it(folder: Path) -> None:
    (folder / SETTINGS_FILE).write_text("pears = 20\n")
    with pytest.raises(UsageError, match=r"unknown key 'pears'; known keys are .*pairs") as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_toml(folder: Path) -> None:
    (folder / SETTINGS_FILE).write_text("pairs = = 3")
    with pytest.raises(UsageError, match=r"nsynth-batch\.toml is no valid toml"):
        load_settings()


def test_a_file_in_another_encoding_or_a_folder(folder: Path) -> None:
    (folder / SETTINGS_FILE).write_bytes(b'store = "\xe9"')
    with pytest.raises(UsageError, match=r"nsynth-batch\.toml is no valid toml"):
        load_settings()
    (folder / SETTINGS_FILE).unlink()
    (folder / SETTINGS_FILE).mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        load_settings()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"pairs": 10_000_001}, "--pairs is 10000001: must be less than or equal to"),
        ({"temperature": float("inf")}, "--temperature is inf"),
        ({"time_limit": float("inf")}, "--time-limit is inf"),
        (
            {"engine": "magenta", "temperature": 0.9},
            "--temperature is 0.9: magenta samples at 1 only",
        ),
        ({"seed": -1}, "--seed is -1"),
        ({"seed": 2**63}, "--seed is 9223372036854775808"),
        ({"pairs": 0}, "--pairs is 0: must be greater than or equal to 1"),
        ({"temperature": 0.0}, "--temperature is 0.0"),
        ({"max_bad_fraction": 1.5}, "--max-bad-fraction is 1.5"),
        ({"scheduler": "garbage"}, "--scheduler is 'garbage': give the scheduler as tcp://"),
        ({"pair": "nature"}, "--pair is 'nature': two categories joined by a colon"),
        ({"pair": ":music"}, "two categories joined by a colon"),
        ({"segment_seconds": 0.001}, "--segment-seconds is 0.001"),
    ],
)
def test_a_value_out_of_range_names_its_flag(
    folder: Path, flags: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(flags)
    assert words in str(caught.value)


def test_no_complaint_speaks_of_what_checks_the_values(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = 0
    for name, value in product(Settings.model_fields, ["x", "-1", "nan", "a:b:c", "1e30"]):
        monkeypatch.setenv(f"NSYNTH_BATCH_{name.upper()}", value)
        try:
            load_settings()
        except UsageError as error:
            refused += 1
            assert str(error).startswith(f"NSYNTH_BATCH_{name.upper()} is {value!r}: ")
            assert not re.search("Value error|should be|provided|byte string", str(error)), error
        monkeypatch.delenv(f"NSYNTH_BATCH_{name.upper()}")
    assert refused > 100


def test_a_wrong_value_names_the_variable_or_the_file_it_came_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / SETTINGS_FILE).write_text('retries = "many"\n')
    with pytest.raises(UsageError, match=r"retries in nsynth-batch\.toml is 'many'"):
        load_settings()
    (folder / SETTINGS_FILE).unlink()
    monkeypatch.setenv("NSYNTH_BATCH_WORKERS", "two")
    with pytest.raises(UsageError, match="NSYNTH_BATCH_WORKERS is 'two'"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NSYNTH_BATCH_PEARS", "NSYNTH_BATCH_PEARS is no setting: did you mean NSYNTH_BATCH_PAIRS"),
        ("nsynth_batch_stor", "nsynth_batch_stor is no setting: did you mean NSYNTH_BATCH_STORE?"),
        ("NSYNTH_BATCH_", "NSYNTH_BATCH_ is no setting: unset it"),
    ],
)
def test_a_mistyped_variable_is_one_line_that_names_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.setenv(name, "5")
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "NSYNTH_BATCH_INSTRUCTION_SET",
        "NSYNTH_BATCH_SCHEDULER_SERVICE_HOST",
        "NSYNTH_BATCH_SCHEDULER_SERVICE_PORT_COMM",
        "NSYNTH_BATCH_SCHEDULER_PORT",
        "NSYNTH_BATCH_PORT_8786_TCP_ADDR",
        "NSYNTH_BATCHES",
    ],
)
def test_variables_that_are_no_settings_are_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "tcp://10.0.0.1:8786")
    assert load_settings().pairs == 16


def test_categories_of_a_pair(folder: Path) -> None:
    assert load_settings({"pair": " nature : bird song "}).categories == ("nature", "bird song")
    assert load_settings().categories is None


def test_a_variable_names_the_file_from_any_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / SETTINGS_FILE).write_text("pairs = 20\n")
    other = folder / "mounted" / "settings.toml"
    other.parent.mkdir()
    monkeypatch.setenv("NSYNTH_BATCH_CONFIG", str(other))
    with pytest.raises(UsageError, match=r"settings\.toml does not exist: NSYNTH_BATCH_CONFIG"):
        load_settings()
    other.write_text("pairs = 30\n")
    assert load_settings().pairs == 30
    other.write_text("pears = 30\n")
    with pytest.raises(UsageError, match=r"settings\.toml has the unknown key 'pears'"):
        load_settings()
    other.write_text("pairs = = 3")
    with pytest.raises(UsageError, match=r"settings\.toml is no valid toml"):
        load_settings()


def test_a_name_is_a_seed_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []
    for name in ("nightly-29483020", "nightly-29484460", "nightly-29483020"):
        monkeypatch.setenv("NSYNTH_BATCH_SEED", f"name:{name}")
        seeds.append(load_settings().seed)
    assert seeds[0] == seeds[2] == int(hashlib.sha256(b"nightly-29483020").hexdigest()[:8], 16)
    assert seeds[0] != seeds[1]
    monkeypatch.setenv("NSYNTH_BATCH_SEED", "nightly")
    with pytest.raises(UsageError, match="NSYNTH_BATCH_SEED is 'nightly'"):
        load_settings()


def test_flags_are_checked_apart_from_what_is_set_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / SETTINGS_FILE).write_text("pears = 20\n")
    monkeypatch.setenv("NSYNTH_BATCH_PAIRS", "0")
    check_flags({"store": "hdfs://namenode/sounds", "pairs": None})
    with pytest.raises(UsageError, match="--pairs is 0"):
        check_flags({"pairs": 0})


def test_every_reason_of_the_reader_can_be_tried_again() -> None:
    sources = (Path(__file__).parents[3] / "sequencer" / "audio").rglob("*.py")
    raised = re.compile(r'(?:AudioError|UnreadableCodec)\(\s*"([a-z-]+)"')
    words = {word for source in sources for word in raised.findall(source.read_text())}
    assert {"needs-ffmpeg", "wrong-length", "truncated"} <= words
    assert words <= set(REASONS)
