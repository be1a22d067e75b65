"""Settings: what they are, where their values come from, and the choices that they have."""
