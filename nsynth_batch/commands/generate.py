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


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STEPS)(generate)


@settings_from(*STORE, *MODEL, "seed", "batch", "precision", *RUNNING)
def generate(
    settings: Settings,
    clips: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many there are to be in all.")
    ] = 16,
    seconds: Annotated[float, typer.Option(metavar="S", help="How long each is.")] = 4.0,
    temperature: Annotated[
        str,
        typer.Option(
            metavar="T|A:B",
            help="Divides the logits before each draw; two move from the first to the second "
            "within a clip, as 0.75:1.1.",
        ),
    ] = "1",
    dry_run: DryRun = False,
) -> int:
    """Generate clips with a model that was trained to.

    No recording is needed, and no mash-up: the model makes sound as it has learned it. Clips are
    derived from every recording that it was trained on, and their credits list them. Clip k of a
    seed is the same whatever the workers, and asking for more leaves those there are as they are.

    Example: nsynth-batch generate --checkpoint my-wavenet --store my-store --clips 40 --seconds 8
    """
    from nsynth_batch.pipeline.generate import GenerateStep, Wanted

    if not 0 < seconds < math.inf:
        raise CommandError(f"--seconds {seconds:g}: give a number above 0", USAGE)
    step = GenerateStep(Wanted(clips, seconds, _temperature(temperature)))
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
