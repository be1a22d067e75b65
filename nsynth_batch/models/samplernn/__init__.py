"""The family `samplernn`: tiers of recurrent units over frames, and a network over samples."""
