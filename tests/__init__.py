"""Tests; a package, so that they share fakes, strategies and the small loop by name."""
