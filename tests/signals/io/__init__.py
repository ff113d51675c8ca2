"""Tests of stemwidgets.signals.io."""
