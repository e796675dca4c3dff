"""Suggestions: how far a shown one pulls people, and whether it is shown."""
