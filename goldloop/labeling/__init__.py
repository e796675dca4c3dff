"""Asking: what all evidence says of each sample, and who is asked about it next."""
