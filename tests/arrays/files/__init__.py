"""Tests of stemwidgets.arrays.files."""
