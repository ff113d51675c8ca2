"""Tests of stemwidgets.arrays.decomposition."""
