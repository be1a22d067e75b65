"""Where the sounds are, as seen from a file that is written elsewhere, and who made them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sequencer.clips.clips import Clip
from sequencer.credits.aligned import generated_words, parents_of, title_of
from sequencer.text import flattened


@dataclass(frozen=True)
class Media:
    """The folder of the clips and the folder of the file that names them."""

    clips: Path
    beside: Path

    def path(self, clip: Clip) -> str:
        """Return a clip's path relative to the file that names it, with ``/`` between its parts."""
        return Path(os.path.relpath(self.clips / clip.file, self.beside)).as_posix()


def clip_name(clip: Clip) -> str:
    """Name a clip by its recordings and its model, on one line."""
    made = generated_words(clip)
    parts = [*map(title_of, parents_of(clip)), *([made] if made else [])]
    return f"{' + '.join(parts)} [{flattened(clip.clip_id)}]"
