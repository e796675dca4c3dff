"""Costs: what the annotators' time costs, what it saves, and what a review costs."""
