"""Clips, sound and rights: compositions from a folder of clips, with every source credited.

What others use stands here; behind it are the rooms. `composing` chooses what plays when,
`rendering` makes it sound, `sound_files` reads and writes the bytes, `rights` finds what the
result may be under, `credits` tells who is heard, `pictures`, `audition` and `exports` show it
and hand it on, `commands` are the command line.
"""
