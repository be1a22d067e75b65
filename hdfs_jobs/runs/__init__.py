"""Runs: a stage over the pending shards of a dataset, on Dask."""
