"""Tests of stemwidgets.arrays."""
