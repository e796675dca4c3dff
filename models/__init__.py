"""The classifier: presets, training, and the saved model; the only part of goldloop that knows torch."""
