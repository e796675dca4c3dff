"""Costs: what the loop spends, what it brings, and what a look of people costs and is worth."""
