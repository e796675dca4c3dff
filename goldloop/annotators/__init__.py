"""Annotators: their accuracy, pace and agreement, and the pull of shown suggestions."""
