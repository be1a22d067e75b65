"""Real servers and programs that the tests start for themselves, on loopback."""
