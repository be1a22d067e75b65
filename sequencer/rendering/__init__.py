"""From events to samples: clips, fades, joins, spans, loudness and the limiter."""
