"""What the tests of the product share."""

from __future__ import annotations

from hypothesis import settings

# Shared machines pause for longer than a deadline for one example.
settings.register_profile("unhurried", deadline=None, max_examples=50)
settings.load_profile("unhurried")
