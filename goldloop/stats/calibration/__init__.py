"""Calibration: fit a correction of the logits, and measure how far confidence and accuracy differ."""

from goldloop.stats.calibration.correction import Calibration
from goldloop.stats.calibration.fit import (
    TEMPERATURE_RANGE,
    Fit,
    fit_calibration,
    fit_offsets,
    fit_temperature,
)
from goldloop.stats.calibration.reliability import (
    ReliabilityBin,
    calibration_error,
    error_of_bins,
    expected_calibration_error,
    reliability_bins,
)

__all__ = [
    "TEMPERATURE_RANGE",
    "Calibration",
    "Fit",
    "ReliabilityBin",
    "calibration_error",
    "error_of_bins",
    "expected_calibration_error",
    "fit_calibration",
    "fit_offsets",
    "fit_temperature",
    "reliability_bins",
]
