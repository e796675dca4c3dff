"""Formats of labelled samples: a module for each, which writes gold and reads labels."""
