"""Statistics: metrics, intervals, comparisons and calibration."""
