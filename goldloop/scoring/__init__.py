"""Scoring: from the files of a batch to samples, predictions and lanes."""
