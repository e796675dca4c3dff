"""Benches: what goldloop's speed, labels and promises measure, each run from the command line."""
