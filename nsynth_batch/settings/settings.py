"""Every setting of a run, typed: defaults < nsynth-batch.toml < NSYNTH_BATCH_* < flags."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ByteSize, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from hdfs_jobs.cores import usable_cores
from hdfs_jobs.errors import UsageError
from nsynth_batch.settings import defaults
from nsynth_batch.settings.choices import Curve, EngineName, Length, LogFormat, PrecisionChoice
from nsynth_batch.settings.harvest import WebSettings
from nsynth_batch.settings.mash_rule import (
    MOST_GRID,
    MOST_PARENTS,
    MashRule,
    mash_rule,
    parse_stretch,
    parse_weights,
    square_rule,
)

SETTINGS_FILE = Path("nsynth-batch.toml")
"""Read from the folder that a command is started in, unless `SETTINGS_VARIABLE` names another."""

ENVIRONMENT_PREFIX = "NSYNTH_BATCH_"
SETTINGS_VARIABLE = "NSYNTH_BATCH_CONFIG"

_NO_SETTINGS = re.compile(
    # Environment variables with our prefix that are no settings.
    r"CONFIG|INSTRUCTION_SET|TEST_.*|(.*_)?SERVICE_(HOST|PORT.*)|(.*_)?PORT(_\d+_(TCP|UDP|SCTP).*)?"
)

MOST_PAIRS = 10_000_000
"""The most mash-ups of one seed: planning them takes memory for each."""

ALL_REASONS = "all"
REASONS = (
    *("absurd-header", "corrupt", "empty", "needs-ffmpeg", "no-channels", "non-finite"),
    *("not-audio", "sample-rate", "silent", "too-short", "truncated", "wrong-length"),
    *("crash", "error", "memory", "timeout"),
    *("changed", "missing", "unreadable", "deleted", "forgotten", "unknown-licence"),
)
"""What the quarantine of a dataset counts by, and `retry_failed` names."""

_MOST_DEFAULT_WORKERS = 8
_SEED_OF_A_NAME = "name:"


def _default_workers() -> int:
    return min(usable_cores(), _MOST_DEFAULT_WORKERS)


class Settings(WebSettings, BaseSettings):
    """What a command works on and how; each field is a flag, a variable and a toml key.

    What is fetched from the web is among `WebSettings`.

    Attributes
    ----------
    store
        URL of the store: a path, or a URL of a storage that this version knows.
    checkpoint
        A bundled name, a magenta prefix, or a converted ``.safetensors``.
    engine
        What runs the model.
    precision
        What decoding computes in; ``auto`` is the fastest whose stated loss is at most 0.01 nats.
    threads
        Of each worker's engine; None takes the cores over the workers.
    memory
        That each worker's engine may take beside the weights; None shares out what the machine or
        container has left.
    scheduler
        Address of a running Dask scheduler; None starts workers on this machine.
    tls_ca, tls_cert, tls_key
        PEM files for a scheduler of ``tls://``: who signed the cluster's certificates, and this
        program's own certificate and key; empty ones take what Dask's own configuration says.
    gpu_resource
        The Dask resource by which workers with a GPU are known: mash-ups are decoded on those
        alone, where there are any, and recordings encoded too if the plan is for a GPU. Empty
        takes every worker.
    workers
        Worker processes on this machine.
    pairs
        How many mash-ups there are to be in all.
    seed
        Keys every draw; None means 0, and for decode the seed of the mash-ups it reads. In the
        file and the variable also ``name:`` and a text, which stands for a number of its own.
    parents
        Of how many recordings each mash-up is made.
    curve
        How a mash-up fades from one recording to the next.
    weights
        Of the curve ``blend``, as `parse_weights` reads them; None shares equally.
    grid
        Points a side of squares of mash-ups with four recordings at their corners; None makes none.
    stretch
        How much longer encodings are made first, as `parse_stretch` reads it; None leaves them.
    length
        Which of its recordings a mash-up is as long as; of ``longer`` the shorter ones repeat.
    pair
        ``A:B``, a category or theme of each recording of a mash-up; None takes any.
    themes
        A table of one's own that maps categories to themes; None takes the bundled one.
    allow_unknown
        Let recordings from a wiki into mash-ups although their licence is unknown.
    temperature
        Divides the logits before a sample is drawn; 1 is the model's own distribution.
    batch
        Mash-ups a task decodes; None lets the plan choose.
    segment_seconds
        Length of a segment, cut down to whole hops.
    sample_rate
        Samples a second of the segments: that of the model which is to read them.
    max_bad_fraction
        Quarantined rows above this fraction of a stage's items end a run with 3.
    time_limit
        Seconds an item may take before its process is ended; None takes the stage's own.
    log_format
        How events are printed on stderr: lines for people, or JSON for a log collector.
    quiet
        Print events only where something went wrong.
    retry_failed
        Try again what is in quarantine: for one reason, or for ``all``.
    lease_seconds
        After how long without a heartbeat another run may take the store over from this one.
    retries
        How often a shard is tried again after an infrastructure error.
    metrics_port
        Where a run serves ``/metrics`` for Prometheus; 0 serves none.
    metrics_host
        The address that it is served at: this machine alone by default.
    """

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True)

    store: str = defaults.STORE
    checkpoint: str = defaults.CHECKPOINT
    engine: EngineName = defaults.ENGINE
    precision: PrecisionChoice = defaults.PRECISION
    threads: int | None = Field(default=None, ge=1)
    memory: ByteSize | None = Field(default=None, gt=0)
    scheduler: str | None = None
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    gpu_resource: str = defaults.GPU_RESOURCE
    workers: int = Field(default_factory=_default_workers, ge=1)
    pairs: int = Field(default=defaults.PAIRS, ge=1, le=MOST_PAIRS)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    parents: int = Field(default=defaults.PARENTS, ge=2, le=MOST_PARENTS)
    curve: Curve = defaults.CURVE
    weights: str | None = None
    grid: int | None = Field(default=None, ge=2, le=MOST_GRID)
    stretch: str | None = None
    length: Length = defaults.LENGTH
    pair: str | None = None
    themes: str | None = None
    allow_unknown: bool = False
    temperature: float = Field(default=defaults.TEMPERATURE, gt=0, allow_inf_nan=False)
    batch: int | None = Field(default=None, ge=1)
    segment_seconds: float = Field(default=defaults.SEGMENT_SECONDS, ge=0.032, le=3600)
    sample_rate: int = Field(default=defaults.SAMPLE_RATE, ge=1000, le=192_000)
    max_bad_fraction: float = Field(default=defaults.MAX_BAD_FRACTION, ge=0, le=1)
    time_limit: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    log_format: LogFormat = defaults.LOG_FORMAT
    quiet: bool = False
    retry_failed: str | None = None
    lease_seconds: float = Field(default=defaults.LEASE_SECONDS, ge=1, le=3600)
    retries: int = Field(default=defaults.RETRIES, ge=0)
    metrics_port: int = Field(default=defaults.METRICS_PORT, ge=0, le=65535)
    metrics_host: str = Field(default=defaults.METRICS_HOST, min_length=1)

    @field_validator("scheduler")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("tcp://", "tls://")):
            raise ValueError("give the scheduler as tcp://host:port or tls://host:port")
        return value

    @field_validator("seed", mode="before")
    @classmethod
    def _of_a_name(cls, value: object) -> object:
        # Each Job of a CronJob has a name of its own, and no shell that could make a number of it.
        if isinstance(value, str) and value.startswith(_SEED_OF_A_NAME):
            digest = hashlib.sha256(value.removeprefix(_SEED_OF_A_NAME).encode())
            return int.from_bytes(digest.digest()[:4], "big")
        return value

    @field_validator("weights", "stretch", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        # A toml file may hold the number itself.
        return str(value) if isinstance(value, int | float) else value

    @field_validator("weights")
    @classmethod
    def _weights(cls, value: str | None) -> str | None:
        if value is not None:
            parse_weights(value)
        return value

    @field_validator("stretch")
    @classmethod
    def _factors(cls, value: str | None) -> str | None:
        if value is not None:
            parse_stretch(value)
        return value

    @field_validator("pair")
    @classmethod
    def _a_category_each(cls, value: str | None, given: ValidationInfo) -> str | None:
        parents = given.data.get("parents", defaults.PARENTS)
        if value is not None:
            parts = _split_pair(value, parents)
            if len(parts) != parents or not all(part.strip() for part in parts):
                count = "two" if parents == 2 else str(parents)
                example = ":".join(("nature", "music", "human", "nature")[:parents])
                raise ValueError(f"{count} categories joined by a colon, as in {example}")
        return value

    @field_validator("retry_failed")
    @classmethod
    def _a_reason(cls, value: str | None) -> str | None:
        if value is None or value in (ALL_REASONS, *REASONS):
            return value
        near = get_close_matches(value, REASONS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"choose of {', '.join(REASONS)}"
        raise ValueError(f"no reason of the quarantine; {meant}")

    @field_validator("temperature")
    @classmethod
    def _that_the_engine_has(cls, value: float, given: ValidationInfo) -> float:
        if value != 1 and given.data.get("engine") == "magenta":
            raise ValueError("magenta samples at 1 only; take --engine native or tensorflow")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of values, the one that wins first."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=_settings_file())
        return init_settings, env_settings, file

    @property
    def categories(self) -> tuple[str, ...] | None:
        """The categories that `pair` names, one a parent, or None."""
        if self.pair is None:
            return None
        return tuple(part.strip() for part in _split_pair(self.pair, self.parents))

    def mash_rule(self, parents: int | None = None) -> MashRule:
        """Return how mash-ups are made, of so many parents or of those of the settings.

        Raises
        ------
        UsageError
            If weights or factors do not fit the parents, or weights the curve; or a square of a
            store does not fit parents or pairs.
        """
        count = self.parents if parents is None else parents
        rule = mash_rule(count, self.curve, self.length, self.weights, self.stretch)
        if self.grid is None or parents is not None:
            return rule
        return square_rule(rule, count, self.pairs, self.grid)


def _split_pair(value: str, parents: int) -> list[str]:
    return value.split(":", parents - 1)


def _settings_file() -> Path:
    return Path(os.environ.get(SETTINGS_VARIABLE) or SETTINGS_FILE)


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings of a command.

    Parameters
    ----------
    flags : Mapping, optional
        Of the command line; None where a flag is not given.

    Returns
    -------
    Settings

    Raises
    ------
    UsageError
        If a value is out of range, a key is unknown or the file is no toml: one line.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    file = _settings_file()
    if file.is_dir():
        raise UsageError(f"{file} is a folder; settings are read from a file of that name")
    if os.environ.get(SETTINGS_VARIABLE) and not file.exists():
        raise UsageError(f"{file} does not exist: {SETTINGS_VARIABLE} names it")
    refuse_unknown_variables(os.environ)
    try:
        return Settings(**given)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no valid toml: {error}") from error
    except ValidationError as error:
        raise UsageError(_first_complaint(error, given)) from error


def check_flags(flags: Mapping[str, Any]) -> None:
    """Check flags of a command that runs elsewhere: no file and no variable is read.

    Raises
    ------
    UsageError
        If a value is out of range: one line.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        _FlagsAlone(**given)
    except ValidationError as error:
        raise UsageError(_first_complaint(error, given)) from error


class _FlagsAlone(Settings):
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def refuse_unknown_variables(environment: Iterable[str]) -> None:
    """Refuse a variable that is meant for a setting and names none: a slip would pass unseen."""
    known = {name.upper() for name in Settings.model_fields}
    for variable in environment:
        name = variable.upper().removeprefix(ENVIRONMENT_PREFIX)
        if name == variable.upper() or name in known or _NO_SETTINGS.fullmatch(name):
            continue
        near = get_close_matches(name, known, n=1)
        meant = f"did you mean {ENVIRONMENT_PREFIX}{near[0]}?" if near else "unset it"
        raise UsageError(f"the variable {variable} is no setting: {meant}")


def _first_complaint(error: ValidationError, flags: Mapping[str, Any]) -> str:
    complaint = error.errors()[0]
    name = str(complaint["loc"][0])
    if complaint["type"] == "extra_forbidden":
        known = ", ".join(sorted(Settings.model_fields))
        return f"{_settings_file()} has the unknown key {name!r}; known keys are {known}"
    variable = ENVIRONMENT_PREFIX + name.upper()
    if name in flags:
        place = f"--{name.replace('_', '-')}"
    elif variable in {key.upper() for key in os.environ}:
        place = variable
    else:
        place = f"{name} in {_settings_file()}"
    return f"{place} is {complaint['input']!r}: {_in_our_words(complaint['msg'])}"


def _in_our_words(message: str) -> str:
    """Return a complaint of pydantic's without what it says of pydantic: `Value error, …`."""
    plain = re.sub(r"^(Value error|Assertion failed), ", "", message)
    plain = re.sub(r"^(Input|String|List|Tuple|Datetimes .*) should ", "must ", plain)
    return plain.replace("could not parse value and unit from byte string", "must be as in 50MB")
