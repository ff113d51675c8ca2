"""Tests of stemwidgets.rrvae.harmonic."""
