"""The flags that commands share, each declared once, and how they become settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from hdfs_jobs.storage.open import url_forms
from nsynth_batch.choices import Curve, EngineName, LogFormat, PrecisionChoice

if TYPE_CHECKING:
    from nsynth_batch.settings import Settings

HARVEST_FLAGS: dict[str, Any] = {
    "contact": Annotated[
        str | None,
        typer.Option(help="Your e-mail address or page, for the operators of web servers."),
    ],
    "types": Annotated[
        str | None,
        typer.Option(help="Of wav, flac, ogg, opus, mp3, from the web. [default: wav]"),
    ],
    "depth": Annotated[
        int | None, typer.Option(metavar="N", help="Levels of subcategories. [default: 3]")
    ],
    "min_seconds": Annotated[
        float | None, typer.Option(metavar="S", help="Leave out shorter ones of the web.")
    ],
    "max_seconds": Annotated[
        float | None, typer.Option(metavar="S", help="Leave out longer ones of the web.")
    ],
    "max_bytes": Annotated[
        str | None, typer.Option(metavar="SIZE", help="Leave out larger ones of the web: 50MB.")
    ],
    "licence": Annotated[
        str | None,
        typer.Option(metavar="SPDX", help="Take only these of the web: CC0-1.0,CC-BY-4.0,CC-BY-*."),
    ],
    "since": Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Take what was uploaded since then: 2026-01-31."),
    ],
    "limit": Annotated[
        int | None, typer.Option(metavar="N", help="Take so many recordings of the web at most.")
    ],
}

FLAGS: dict[str, Any] = {
    "store": Annotated[
        str | None,
        typer.Option(help=f"The store: {url_forms()}. [default: nsynth-store]"),
    ],
    "checkpoint": Annotated[
        str | None,
        typer.Option(
            help="The model: a bundled name, a magenta prefix or a .safetensors. [default: small]"
        ),
    ],
    "engine": Annotated[
        EngineName | None,
        typer.Option(help="What runs the model. [default: auto]"),
    ],
    "precision": Annotated[
        PrecisionChoice | None,
        typer.Option(
            help="What decoding computes in; auto loses at most 0.01 nats. [default: auto]"
        ),
    ],
    "threads": Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Threads of each worker's engine. [default: cores over workers]"
        ),
    ],
    "memory": Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="What each worker's engine may take, as in 8GB. [default: what is left, shared]",
        ),
    ],
    "scheduler": Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A running Dask scheduler (tcp://… or tls://…). [default: workers of our own]",
        ),
    ],
    "tls_ca": Annotated[
        str | None, typer.Option(metavar="PEM", help="Who signed the certificates of tls://.")
    ],
    "tls_cert": Annotated[
        str | None, typer.Option(metavar="PEM", help="This program's certificate for tls://.")
    ],
    "tls_key": Annotated[str | None, typer.Option(metavar="PEM", help="The certificate's key.")],
    "gpu_resource": Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Dask resource of workers with a GPU, which decode where there are any, and "
            "encode too if a GPU is planned for; '' takes every worker. [default: GPU]",
        ),
    ],
    "workers": Annotated[
        int | None,
        typer.Option(metavar="N", help="Worker processes on this machine. [default: its cores]"),
    ],
    "pairs": Annotated[
        int | None,
        typer.Option(metavar="N", help="How many mash-ups there are to be in all. [default: 16]"),
    ],
    "seed": Annotated[
        int | None,
        typer.Option(metavar="S", help="Keys every draw. [default: 0; decode: its mash-ups' own]"),
    ],
    "curve": Annotated[
        Curve | None,
        typer.Option(help="How one recording fades into the other. [default: random]"),
    ],
    "pair": Annotated[
        str | None,
        typer.Option(
            metavar="A:B",
            help="Categories or themes of the two, as in nature:music. [default: any two]",
        ),
    ],
    "themes": Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Which categories make a theme. [default: a bundled table]"
        ),
    ],
    "allow_unknown": Annotated[
        bool | None,
        typer.Option("--allow-unknown", help="Let in wiki recordings whose licence is not known."),
    ],
    "temperature": Annotated[
        float | None,
        typer.Option(metavar="T", help="Divides the logits before each draw. [default: 1.0]"),
    ],
    "batch": Annotated[
        int | None,
        typer.Option(metavar="N", help="Mash-ups a task decodes. [default: the plan chooses]"),
    ],
    "segment_seconds": Annotated[
        float | None,
        typer.Option(metavar="S", help="Length that recordings are cut to. [default: 6.24]"),
    ],
    "max_bad_fraction": Annotated[
        float | None,
        typer.Option(metavar="F", help="More in quarantine than this ends with 3. [default: 0.5]"),
    ],
    "time_limit": Annotated[
        float | None,
        typer.Option(metavar="S", help="Seconds an item may take. [default: the stage's own]"),
    ],
    "log_format": Annotated[
        LogFormat | None,
        typer.Option(help="Progress on stderr: lines, or JSON for a log collector."),
    ],
    "retry_failed": Annotated[
        str | None,
        typer.Option(
            "--retry-failed",
            metavar="[=REASON]",
            help="Try again what is in quarantine, all of it or for one reason: =timeout.",
        ),
    ],
    "lease_seconds": Annotated[
        float | None,
        typer.Option(metavar="S", help="Silence after which a run counts as dead. [default: 30]"),
    ],
    "retries": Annotated[
        int | None,
        typer.Option(metavar="N", help="Tries more after an infrastructure error. [default: 3]"),
    ],
    "metrics_port": Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Serve /metrics for Prometheus there. [default: 0, off]"),
    ],
    "metrics_host": Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Where /metrics is served; :: is everywhere. [default: 127.0.0.1]",
        ),
    ],
    **HARVEST_FLAGS,
}
"""Flags by the name of their setting."""

STORE = ("store",)
HARVESTING = tuple(HARVEST_FLAGS)
MODEL = ("checkpoint", "engine", "threads", "memory")
CLUSTER = ("scheduler", "tls_ca", "tls_cert", "tls_key", "gpu_resource", "workers")
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
)
AUDIO = ("segment_seconds",)
MASHING = ("pairs", "seed", "curve", "pair", "themes", "allow_unknown")
DECODING = ("temperature", "batch", "precision")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")]


def settings_from(*names: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the flags of some settings, and the settings themselves as one object.

    The command takes ``settings`` first; its other parameters are its own. Every command gets
    ``--verbose`` beside them.

    Parameters
    ----------
    *names : str
        Settings that are flags of the command.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        # The settings' own class is heavy to import, and no flag.
        hints = get_type_hints(command, localns={"Settings": object}, include_extras=True)
        own = [
            p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name])
            for p in list(inspect.signature(command).parameters.values())[1:]
        ]
        shared = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=flag)
            for name, flag in FLAGS.items()
            if name in names
        ]
        verbose = inspect.Parameter(
            "verbose", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Verbose
        )

        @wraps(command)
        def run(**values: Any) -> int:
            # The entry point looks for the flag itself: an error may come before any command.
            values.pop("verbose")
            flags = {name: values.pop(name) for name in names}
            return command(_load(flags), **values)

        signature = inspect.Signature([*own, *shared, verbose])
        vars(run)["__signature__"] = signature
        run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return run

    return decorate


def _load(flags: dict[str, Any]) -> Settings:
    from nsynth_batch.settings import load_settings

    return load_settings(flags)
