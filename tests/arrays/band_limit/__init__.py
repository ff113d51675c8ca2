"""Tests of stemwidgets.arrays.disc."""
