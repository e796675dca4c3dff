"""Kinds of samples: how images and texts are read, kept, compared and shown."""
