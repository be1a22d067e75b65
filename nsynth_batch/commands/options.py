"""The flags that commands share, each declared once, and how they become settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from hdfs_jobs.storage.open import url_forms
from nsynth_batch.settings import defaults
from nsynth_batch.settings.choices import (
    Curve,
    EngineName,
    Length,
    LogFormat,
    PrecisionChoice,
    Split,
)

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings

BEGIN = "To begin with"
STEPS = "From recordings to clips"
STORES = "What a store holds"
MODELS = "Models"
CLUSTERS = "On Kubernetes"

STORE_OPTIONS = "Store"
MODEL_OPTIONS = "Model"
MASH_OPTIONS = "Mash-ups"
DECODE_OPTIONS = "Segments and clips"
WEB_OPTIONS = "Which recordings"
WORKER_OPTIONS = "Workers"
LIMIT_OPTIONS = "When something goes wrong"
REPORT_OPTIONS = "Logs and metrics"


@dataclass(frozen=True)
class Flag:
    """The flag of a setting; its default is the setting's own, in `nsynth_batch.settings.defaults`.

    Attributes
    ----------
    kind
        What the parser makes of the word.
    help
        One or two sentences.
    panel
        Where the help shows it.
    metavar
        What stands for the value; by default what `kind` shows.
    unset
        What happens where the setting's own default is None, or not the same everywhere.
    remark
        What its default means, after it.
    names
        Its spelling, if that is not the setting's name.
    """

    kind: Any
    help: str
    panel: str
    metavar: str | None = None
    unset: str = ""
    remark: str = ""
    names: tuple[str, ...] = ()

    def annotation(self, setting: str, own: str = "") -> Any:
        """Return the type of a parameter that is this flag; `own` is a command's own default.

        That may be words, where the command works it out.
        """
        shown = own or self.unset or default_shown(setting)
        remark = "" if own else self.remark
        text = f"{self.help} [default: {shown}{remark}]" if shown else self.help
        option = typer.Option(
            *self.names, metavar=self.metavar, help=text, rich_help_panel=self.panel
        )
        return Annotated[self.kind | None, option]


def default_shown(setting: str) -> str:
    """Return the default of a setting as help prints it; empty where it is None or false."""
    value = getattr(defaults, setting.upper(), None)
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value)


HARVEST_FLAGS: dict[str, Flag] = {
    "contact": Flag(
        str, "Your e-mail address or page, for the operators of web servers.", WEB_OPTIONS
    ),
    "types": Flag(str, "Of wav, flac, ogg, opus, mp3.", WEB_OPTIONS, remark="; of a folder all"),
    "depth": Flag(int, "Levels of subcategories.", WEB_OPTIONS, "N"),
    "min_seconds": Flag(
        float, "Skip shorter recordings; leave shorter segments out of pairs.", WEB_OPTIONS, "S",
        unset="2 for pairs, where enough are longer",
    ),
    "max_seconds": Flag(float, "Skip longer ones.", WEB_OPTIONS, "S"),
    "max_bytes": Flag(str, "Skip larger ones: 50MB.", WEB_OPTIONS, "SIZE"),
    "licence": Flag(str, "Take only these: CC0-1.0,CC-BY-4.0,CC-BY-*.", WEB_OPTIONS, "SPDX"),
    "since": Flag(str, "Take what is of that day or later: 2026-01-31.", WEB_OPTIONS, "DATE"),
    "limit": Flag(int, "Take so many recordings at most.", WEB_OPTIONS, "N"),
    "per_day": Flag(
        int,
        "Of urls: ask for so many a day (UTC), with pauses; run it again each day.",
        WEB_OPTIONS,
        "N",
        unset="any number",
    ),
    "split": Flag(
        Split, "Of fma: and nsynth: take that part of the data set alone.", WEB_OPTIONS
    ),
    "accept_missing": Flag(
        bool,
        "Withdraw what a folder no longer has, however much it is.",
        WEB_OPTIONS,
        names=("--accept-missing",),
    ),
}  # fmt: skip

FLAGS_OF_SETTINGS: dict[str, Flag] = {
    "store": Flag(
        str, f"The store: {url_forms()}.",
        STORE_OPTIONS,
    ),
    "checkpoint": Flag(
        str, "The model: a bundled name, a magenta prefix or a .safetensors.", MODEL_OPTIONS
    ),
    "engine": Flag(
        EngineName, "What runs the model.", MODEL_OPTIONS
    ),
    "precision": Flag(
        PrecisionChoice,
        "What decoding computes in; auto loses at most 0.01 nats.", MODEL_OPTIONS,
    ),
    "threads": Flag(
        int, "Threads of each worker's engine.", MODEL_OPTIONS, "N", unset="cores over workers"
    ),
    "memory": Flag(
        str, "What each worker's engine may take, as in 8GB.", MODEL_OPTIONS, "SIZE",
        unset="what is free, shared",
    ),
    "scheduler": Flag(
        str, "A running Dask scheduler (tcp://… or tls://…).", WORKER_OPTIONS, "ADDRESS",
        unset="workers on this machine",
    ),
    "tls_ca": Flag(str, "Who signed the certificates of tls://.", WORKER_OPTIONS, "PEM"),
    "tls_cert": Flag(str, "This program's certificate for tls://.", WORKER_OPTIONS, "PEM"),
    "tls_key": Flag(str, "The certificate's key.", WORKER_OPTIONS, "PEM"),
    "gpu_resource": Flag(
        str,
        "Dask resource of workers with a GPU, which decode where there are any, and encode too if "
        "a GPU is planned for; '' takes every worker.",
        WORKER_OPTIONS, "NAME",
    ),
    "workers": Flag(
        int, "Worker processes on this machine.", WORKER_OPTIONS, "N", unset="its cores, at most 8"
    ),
    "pairs": Flag(
        int, "How many mash-ups there are to be in all.", MASH_OPTIONS, "N"
    ),
    "seed": Flag(
        int, "Keys every draw.", MASH_OPTIONS, "S", unset="0; decode: that of its mash-ups"
    ),
    "parents": Flag(
        int, "Recordings of each mash-up: 2, 3 or 4.", MASH_OPTIONS, "N"
    ),
    "curve": Flag(
        Curve, "How one recording fades into the next; blend mixes them by --weights.",
        MASH_OPTIONS,
    ),
    "weights": Flag(
        str, "Of --curve blend: 0.5, the share of B; 0.2:0.8 moves; 0.5,0.3,0.2 one each.",
        MASH_OPTIONS, "W", unset="equal",
    ),
    "grid": Flag(
        int, "Squares of N by N mash-ups, --parents 4 at the corners; --pairs N*N is one.",
        MASH_OPTIONS, "N", unset="none",
    ),
    "stretch": Flag(
        str, "Stretch the encodings first, 0.5 to 2: 1.5, or one each: 1,0.5.",
        MASH_OPTIONS, "F",
    ),
    "length": Flag(
        Length, "As long as which of them; longer repeats the shorter ones.", MASH_OPTIONS
    ),
    "pair": Flag(
        str, "A category or theme of each of them, as in nature:music.", MASH_OPTIONS, "A:B",
        unset="any",
    ),
    "themes": Flag(
        str, "Which categories make a theme.", MASH_OPTIONS, "FILE", unset="a bundled table"
    ),
    "allow_unknown": Flag(
        bool, "Let in wiki recordings whose licence is not known.", MASH_OPTIONS,
        names=("--allow-unknown",),
    ),
    "temperature": Flag(
        float, "Divides the logits before each draw.", DECODE_OPTIONS, "T"
    ),
    "batch": Flag(
        int, "Mash-ups a task decodes.", DECODE_OPTIONS, "N", unset="the plan chooses"
    ),
    "segment_seconds": Flag(float, "Length that recordings are cut to.", DECODE_OPTIONS, "S"),
    "sample_rate": Flag(int, "Samples a second, as the model reads.", DECODE_OPTIONS, "HZ"),
    "max_bad_fraction": Flag(
        float, "More in quarantine than this ends with 3.", LIMIT_OPTIONS, "F"
    ),
    "time_limit": Flag(
        float, "Seconds an item may take.", LIMIT_OPTIONS, "S", unset="the step's own"
    ),
    "log_format": Flag(
        LogFormat, "Progress on stderr: lines, or JSON for a log collector.",
        REPORT_OPTIONS,
    ),
    "quiet": Flag(
        bool, "Say nothing on stderr unless something went wrong.",
        REPORT_OPTIONS, names=("--quiet",),
    ),
    "retry_failed": Flag(
        str, "Try again what is in quarantine, all of it or for one reason: =timeout.",
        LIMIT_OPTIONS, "[=REASON]", names=("--retry-failed",),
    ),
    "lease_seconds": Flag(
        float, "Silence after which a run counts as dead.", LIMIT_OPTIONS, "S"
    ),
    "retries": Flag(
        int, "Further attempts after an infrastructure error.", LIMIT_OPTIONS, "N"
    ),
    "metrics_port": Flag(
        int, "Serve /metrics for Prometheus there.", REPORT_OPTIONS, "PORT", remark=", off"
    ),
    "metrics_host": Flag(
        str, "Where /metrics is served; :: is everywhere.", REPORT_OPTIONS, "ADDRESS"
    ),
    **HARVEST_FLAGS,
}  # fmt: skip

STORE = ("store",)
HARVESTING = tuple(HARVEST_FLAGS)
MODEL = ("checkpoint", "engine", "threads", "memory")
SCHEDULER = ("scheduler", "tls_ca", "tls_cert", "tls_key")
CLUSTER = (*SCHEDULER, "gpu_resource", "workers")
LEASE = ("lease_seconds",)
METRICS = ("metrics_port", "metrics_host")
RUNNING = (
    *CLUSTER,
    *LEASE,
    *METRICS,
    "max_bad_fraction",
    "time_limit",
    "retries",
    "retry_failed",
    "log_format",
    "quiet",
)
AUDIO = ("segment_seconds", "sample_rate")
MIXING = ("curve", "weights", "stretch", "length")
MASHING = (
    *("pairs", "seed", "parents", "grid", *MIXING),
    *("min_seconds", "pair", "themes", "allow_unknown"),
)
DECODING = ("temperature", "batch", "precision")

FIRST = {"checkpoint": defaults.FIRST_CHECKPOINT}
"""Defaults of the commands that one begins with."""

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")]


def settings_from(
    *names: str, own: Mapping[str, Any] | None = None, worked_out: Mapping[str, str] | None = None
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add the flags of some settings to a command, which gets the settings as one object.

    The command takes ``settings`` first; its other parameters are its own. Every command gets
    ``--verbose`` beside them.

    Parameters
    ----------
    *names : str
        Settings that are flags of the command.
    own : mapping of str to value, optional
        Defaults of this command: what they are where no file, variable or flag gives them.
    worked_out : mapping of str to str, optional
        What the help prints as the default of settings that the command works out by itself.
    """
    defaults_of_its_own = own or {}
    shown = {**defaults_of_its_own, **(worked_out or {})}

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        # The settings' own class is heavy to import, and no flag.
        hints = get_type_hints(command, localns={"Settings": object}, include_extras=True)
        own = [
            p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name])
            for p in list(inspect.signature(command).parameters.values())[1:]
        ]
        shared = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=flag.annotation(name, str(shown.get(name, ""))),
            )
            for name, flag in FLAGS_OF_SETTINGS.items()
            if name in names
        ]
        verbose = inspect.Parameter(
            "verbose", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Verbose
        )

        @wraps(command)
        def run(**values: Any) -> int:
            # The entry point looks for the flag itself: an error may come before any command.
            values.pop("verbose")
            flags = {name: values.pop(name) for name in dict.fromkeys(names)}
            settings = _load(flags)
            unset = defaults_of_its_own.keys() - settings.model_fields_set
            if unset:
                settings = settings.model_copy(
                    update={name: defaults_of_its_own[name] for name in unset}
                )
            if "depth" in flags:
                _refuse_ignored(values["source"], flags)
            return command(settings, **values)

        signature = inspect.Signature([*own, *shared, verbose])
        vars(run)["__signature__"] = signature
        run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return run

    return decorate


def _refuse_ignored(source: str | None, flags: dict[str, Any]) -> None:
    from nsynth_batch.sources.resolve import refuse_ignored

    refuse_ignored(source, {name for name, value in flags.items() if value is not None})


def _load(flags: dict[str, Any]) -> Settings:
    from nsynth_batch.settings.settings import load_settings

    return load_settings(flags)
