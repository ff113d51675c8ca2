"""Tests of stemwidgets.arrays.kernels."""
