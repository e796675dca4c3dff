"""Selection: chooses the samples of a round that annotators label, within the round's budget."""
