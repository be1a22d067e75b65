"""Spectral autoencoders: codes of spectrogram frames, and sound from magnitudes alone."""
