"""``python -m sequencer`` is the command ``sequencer``."""

from __future__ import annotations

import sys

from sequencer.cli import main

sys.exit(main())
