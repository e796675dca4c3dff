"""Consensus: from votes, who gave them, and the model's word to a probability over labels."""
