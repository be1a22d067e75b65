"""What schemas miss in manifests: each check takes the objects of an overlay and complains."""
