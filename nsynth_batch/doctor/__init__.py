"""Checks of the machine, the store and the cluster."""
