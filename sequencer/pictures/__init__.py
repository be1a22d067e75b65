"""Pictures of clips and of compositions; librosa and matplotlib are loaded when one is drawn."""
