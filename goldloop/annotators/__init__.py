"""The people who answer: what their answers are worth, and how far they agree, measured fairly."""
