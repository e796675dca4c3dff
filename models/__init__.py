"""The classifiers: one folder a kind of samples; the only part of goldloop that knows torch."""
