"""Where the clips of a score are: named on the command line, or written in the score."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from sequencer.errors import SequencerError
from sequencer.score.score import Score


def with_clip_folder(score: Score, score_path: Path, folder: Path) -> Score:
    """Return a score that names the folder of its clips as seen from its own file.

    Parameters
    ----------
    score : Score
    score_path : Path
        Where the score is written to.
    folder : Path
        Where its clips are.
    """
    beside = score_path.parent.resolve()
    return replace(score, clips_folder=Path(os.path.relpath(folder.resolve(), beside)).as_posix())


def clip_folder(score: Score, score_path: Path, named: Path | None = None) -> Path:
    """Return the folder of a score's clips.

    Parameters
    ----------
    score : Score
    score_path : Path
        The file it was read from.
    named : Path, optional
        The folder that a person named, which goes before all else.

    Returns
    -------
    Path
        The one in the score, as seen from its file; the folder of the score if it has none.

    Raises
    ------
    SequencerError
        When the one in the score is missing.
    """
    if named is not None:
        return named
    if not score.clips_folder:
        return score_path.parent
    folder = Path(os.path.normpath(score_path.parent.resolve() / score.clips_folder))
    if not folder.is_dir():
        raise SequencerError(
            f"{score_path}: its clips were in {folder}, which is missing; "
            "name their folder with --clips"
        )
    return folder
