"""Recordings to encodings, mash-ups and clips: commands, sources, stages and the model."""
