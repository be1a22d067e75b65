"""Choosing what plays when: styles, sections, limits, and which clips there are."""
