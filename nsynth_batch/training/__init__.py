"""Training: corpora, the trainer and what scores it; it is handed a family."""
