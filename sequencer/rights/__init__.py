"""Which licence goes into which, and what a composition may be under."""
