"""Tests of stemwidgets.signals.metadata."""
