"""What a run tells while it works: events, and those who listen to them."""
