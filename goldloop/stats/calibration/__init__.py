"""Calibration: a correction that makes confidence mean what it says, and how well it does so."""

from goldloop.stats.calibration.correction import Calibration, calibrated
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
    "calibrated",
    "calibration_error",
    "error_of_bins",
    "expected_calibration_error",
    "fit_calibration",
    "fit_offsets",
    "fit_temperature",
    "reliability_bins",
]
