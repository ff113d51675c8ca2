"""Tests of stemwidgets.arrays.calibration."""
