"""Tests of stemwidgets.rrvae."""
