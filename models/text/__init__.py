"""Text classifiers: hashed words, sentence embeddings, and linear models of them."""
