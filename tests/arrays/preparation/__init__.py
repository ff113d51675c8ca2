"""Tests of stemwidgets.arrays.preparation."""
