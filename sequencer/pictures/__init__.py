"""Pictures of clips and of compositions; matplotlib is loaded when one is drawn."""
