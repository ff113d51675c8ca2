"""Tests of stemwidgets.arrays.faults."""
