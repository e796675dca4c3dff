"""Drift: whether a batch differs from what the same model saw before."""
