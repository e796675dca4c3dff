"""Bench of a simulated year."""
