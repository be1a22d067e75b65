"""Where recordings come from, and the catalog of what came."""
