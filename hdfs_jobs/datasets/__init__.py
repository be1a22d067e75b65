"""Datasets: shards planned, committed by a manifest, read, verified and tried again."""
