"""The bytes of sound files: headers that are read, formats that are written, tags."""
