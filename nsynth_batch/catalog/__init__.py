"""The catalog: a row a recording, what was withdrawn from it, and the content in `raw/`."""
