"""Gold: immutable versions of human-made labels, their splits and their export."""
