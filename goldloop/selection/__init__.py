"""Selection: which samples annotators are asked about in a round, within its budget."""
