"""Which recordings play when, and the credits in every form."""
