"""Clips, sound and rights: compositions from a folder of clips, with every source credited.

What others use stands here; behind it are the rooms. `composing` chooses what plays when,
`rendering` makes it sound, `soundfiles` reads and writes the bytes, `licensing` finds what the
result may be under, `crediting` tells who is heard, `pictures`, `audition` and `exports` show it
and hand it on, `commands` are the command line.
"""
