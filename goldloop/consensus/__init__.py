"""Consensus: votes, each annotator's accuracy and the model's prediction give a probability over labels."""
