"""Runs on Kubernetes: their manifests, what is sent to the cluster, and what came of it."""
