"""Clips: what they are, which are kept, and what the gate thinks of them."""
