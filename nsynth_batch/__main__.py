"""``python -m nsynth_batch`` is the command ``nsynth-batch``."""

from __future__ import annotations

import sys

from nsynth_batch.cli import main

sys.exit(main())
