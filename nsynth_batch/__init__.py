"""Recordings to encodings, mash-ups and clips: commands, sources, stages and the model.

From the command line: ``nsynth-batch --help``. From Python, these are the ways in:

- `nsynth_batch.nsynth.load_model` loads a bundled model, one of yours or magenta's, and
  `nsynth_batch.nsynth.load_audio` a recording at its rate: encode, mash up, decode;
- `nsynth_batch.models.load_model` is the same for every family of models, those that generate among
  them;
- `nsynth_batch.pipeline.run.run` does a whole run in a store, by
  `nsynth_batch.settings.settings.load_settings`;
- `nsynth_batch.store.clip_export.export_clips` writes a store's clips to a folder, for `sequencer`;
- `nsynth_batch.training.trainer.Trainer` trains a family of models on a
  `nsynth_batch.training.corpus.Corpus`.
"""
