"""Presentation: the page of a round, its sections, tables and plots, and the status."""
