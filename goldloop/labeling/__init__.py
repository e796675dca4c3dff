"""Labeling: tasks to the labelling server, annotations back, and what follows from them."""
