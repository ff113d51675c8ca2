"""Tests of stemwidgets.signals."""
