"""What is done to one item: recordings to segments, encodings, mash-ups, clips."""
