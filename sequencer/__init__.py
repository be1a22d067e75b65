"""Clips, sound and rights: compositions from a folder of clips, with every source credited.

From the command line: ``sequencer --help``. From Python, these are the ways in:

- `sequencer.clips.clips.read_clips` lists the clips of a folder, each a `Clip` with its `Parent`
  recordings, their `sequencer.rights.rights.Rights`, and what its model was trained on;
- `sequencer.composing.candidates.find_candidates` measures them, and
  `sequencer.composing.compose.compose` makes a `sequencer.score.score.Score` of them, by
  `sequencer.composing.rules.Rules`;
- `sequencer.piece.make_piece` does both and writes sound, score and credits;
  `sequencer.piece.write_piece` writes a score again, perhaps an edited one;
- `sequencer.score.files` reads and writes scores, `sequencer.credits.credits.credits_text` and its
  neighbours credit them, `sequencer.rights.solver.solve` finds what a result may be under.

`composing` chooses what plays when, `rendering` makes it sound, `sound_files` writes the bytes,
`rights` finds what the result may be under, `credits` names the recordings that play, `pictures`,
`audition` and `exports` show it and hand it on, `commands` are the command line. Imports go from
the later to the earlier: rights and audio, clips, score, credits, sound_files, composing and
rendering, pictures, audition and exports, piece, commands.
"""
