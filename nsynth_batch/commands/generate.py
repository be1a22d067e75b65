"""`generate`: clips out of a model alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import MODEL, RUNNING, STEPS, STORE, DryRun, settings_from
from nsynth_batch.commands.run import do_steps
from nsynth_batch.errors import OK, USAGE, CommandError

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings

PRIMES = ("themes", "allow_unknown")
"""Settings that say which recordings of a category clips may go on from."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STEPS)(generate)


@settings_from(*STORE, *MODEL, "seed", "batch", "precision", *PRIMES, *RUNNING)
def generate(
    settings: Settings,
    clips: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many there are to be in all.")
    ] = 16,
    seconds: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="How long each is. [default: 4; 30 of the family frames]",
            show_default=False,
        ),
    ] = None,
    temperature: Annotated[
        str,
        typer.Option(
            metavar="T|A:B",
            help="Divides the logits before each draw, or multiplies the deviation; two move from "
            "the first to the second within a clip, as 0.75:1.1.",
        ),
    ] = "1",
    prime: Annotated[
        str | None,
        typer.Option(
            metavar="RECORDING|CATEGORY",
            help="Go on from this recording of the store, or from one of a category or theme that "
            "each clip draws; it is cut off the result.",
        ),
    ] = None,
    prime_seconds: Annotated[
        float | None,
        typer.Option(metavar="S", help="How much of it the model is given. [default: 2]"),
    ] = None,
    likelihood: Annotated[
        bool,
        typer.Option(
            "--likelihood/--no-likelihood",
            help="Score each clip by the model, for clips --keep-likely; it takes about as long as "
            "making it. A model without codes scores none.",
        ),
    ] = True,
    dry_run: DryRun = False,
) -> int:
    """Generate clips with a model that was trained to.

    No recording is needed, and no mash-up: the model makes sound as it has learned it. Clips are
    derived from every recording that it was trained on, and their credits list them. Clip k of a
    seed is the same whatever the workers, and asking for more leaves those there are as they are.

    With --prime a clip goes on from a stretch of a recording that the store has cut, and is derived
    from that too.

    Example: nsynth-batch generate --checkpoint my-wavenet --store my-store --clips 40 --seconds 8
    """
    from nsynth_batch.pipeline.generate import GenerateStep, Wanted
    from nsynth_batch.pipeline.primes import PRIME_SECONDS, PrimeWanted

    for flag, value in (("--seconds", seconds), ("--prime-seconds", prime_seconds)):
        if value is not None and not 0 < value < math.inf:
            raise CommandError(f"{flag} {value:g}: give a number above 0", USAGE)
    if prime is None and prime_seconds is not None:
        raise CommandError(f"--prime-seconds {prime_seconds:g}: give --prime with it", USAGE)
    begun = None if prime is None else PrimeWanted(prime, prime_seconds or PRIME_SECONDS)
    step = GenerateStep(Wanted(clips, seconds, _temperature(temperature), begun, likelihood))
    if dry_run:
        from nsynth_batch.commands.dry_run import show_plan

        show_plan(settings, [step])
        return OK
    return do_steps(settings, [step])


def _temperature(words: str) -> float | tuple[float, float]:
    try:
        values = [float(word) for word in words.split(":")]
    except ValueError:
        values = []
    if len(values) not in (1, 2) or not all(0 < value < math.inf for value in values):
        raise CommandError(
            f"--temperature {words}: give a number above 0, or two as in 0.75:1.1", USAGE
        )
    return values[0] if len(values) == 1 else (values[0], values[1])
