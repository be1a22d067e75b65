"""The WaveNet family: NSynth's autoencoder, and its engines."""
