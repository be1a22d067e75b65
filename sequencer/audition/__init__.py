"""A page to listen to clips, keep some and reject others; `compose` reads what was chosen."""
