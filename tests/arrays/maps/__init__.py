"""Tests of stemwidgets.arrays.maps."""
