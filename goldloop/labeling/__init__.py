"""Labeling: pushes tasks to the labelling server, pulls annotations, derives gold and plans follow-ups."""
