"""Text classifiers: hashed n-grams and a linear model."""
