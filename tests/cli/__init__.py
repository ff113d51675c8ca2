"""Tests of stemwidgets.cli."""
