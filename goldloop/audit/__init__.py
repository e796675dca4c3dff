"""Auditing: what randomly drawn, blind labels say about the model, its lanes and its policy."""
