"""Write what the cards of the bundled models say in short into the models' files.

Their licence, what they learned from and what they keep of a sound: `checkpoint inspect` prints it.
Tensors stay as they are, and so does the digest, of which metadata are no part. Run it once a
bundled model was trained anew, when its card has the new figures.

Usage: python scripts/model_facts.py
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.weights import save_weights

MODELS = Path(__file__).parent.parent / "nsynth_batch" / "checkpoints"
FACTS = ("licence", "learned from", "keeps")


def facts_of(card: Path) -> dict[str, str]:
    """Return the facts of a card's first table, by their names in a model's metadata."""
    rows = dict(re.findall(r"^\| ([\w ]+) \| (.+) \|$", card.read_text("utf-8"), re.MULTILINE))
    return {
        name.replace(" ", "_"): rows[name].replace(" (below)", "").replace("`", "")
        for name in FACTS
    }


def main() -> None:
    """Write the facts of every bundled model."""
    for card in sorted(MODELS.glob("*.md")):
        path = card.with_suffix(".safetensors")
        weights = load_checkpoint(str(path))
        digest = weights.digest()
        metadata = {**weights.metadata, **facts_of(card)}
        save_weights(replace(weights, metadata=metadata), path)
        print(f"{path.name}: {digest}")


if __name__ == "__main__":
    main()
