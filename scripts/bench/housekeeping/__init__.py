"""What a year of pulls and rounds leaves in the tables, and what commands cost on it."""
