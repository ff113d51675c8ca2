"""Calibration from the scan itself: descan, detector rotation, scale, electrons."""
