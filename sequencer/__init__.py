"""Clips, sound and rights: compositions from a folder of clips, with every source credited."""
