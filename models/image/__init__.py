"""Image classifiers: presets, training and scoring in torch."""
