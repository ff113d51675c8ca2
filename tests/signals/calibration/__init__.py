"""Tests of stemwidgets.signals.calibration."""
