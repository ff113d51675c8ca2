"""Tests of stemwidgets.signals.maps."""
