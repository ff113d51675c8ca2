"""Tests of stemwidgets.export."""
