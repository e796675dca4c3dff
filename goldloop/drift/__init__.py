"""Drift: how a batch differs from what the same model saw before, noticed before people's time is spent."""
