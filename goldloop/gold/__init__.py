"""Gold: records of human-made labels, near-duplicate groups and export."""
