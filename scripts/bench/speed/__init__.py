"""Bench of the speed: scoring, push and pull."""
