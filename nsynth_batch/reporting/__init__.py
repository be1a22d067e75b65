"""The events of a run, and their listeners: terminal, metrics, log."""
