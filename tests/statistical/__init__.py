"""Statistical promises, by simulation: `scripts/test -m statistical` runs them, nothing else does."""
