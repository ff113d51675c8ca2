"""Tests of stemwidgets.rrvae.common."""
