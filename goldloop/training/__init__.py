"""Training: from a gold version to a challenger, its evaluation and the gate."""
