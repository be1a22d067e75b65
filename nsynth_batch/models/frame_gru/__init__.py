"""The family `frames`: gated recurrent units over frames of samples."""
