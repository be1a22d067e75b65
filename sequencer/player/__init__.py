"""A finished piece as a page: player, timeline, who is audible now, credits."""
