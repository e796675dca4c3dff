"""Bench of the labels: consensus, spammers, label errors, annotators and automation bias."""
