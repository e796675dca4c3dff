"""Bench of the promises: audit, gate, guard, target, routing, calibration and drift."""
