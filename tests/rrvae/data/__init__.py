"""Tests of stemwidgets.rrvae.data."""
