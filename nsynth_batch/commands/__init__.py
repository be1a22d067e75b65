"""The commands, a few a file: each parses, calls one function, and prints."""
