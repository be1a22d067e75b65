"""Sound: recordings opened, mixed to mono, resampled and measured."""
