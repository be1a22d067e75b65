"""The layout of a store: its datasets, their schemas, and what is derived from what."""
