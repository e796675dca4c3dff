"""The presets of models of records by name. Imports no library of models."""

from __future__ import annotations

LIGHTGBM, LOGISTIC = "lightgbm", "logistic"
