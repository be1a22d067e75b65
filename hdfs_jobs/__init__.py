"""Resumable jobs over shards: storage, datasets, manifests and a runner on Dask.

The package knows rows, shards and workers, and nothing of what the rows mean.
Import what is needed from the modules themselves; importing the package loads none of them.
"""
