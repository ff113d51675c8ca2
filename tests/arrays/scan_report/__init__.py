"""Tests of stemwidgets.arrays.scan_report."""
