"""Tests of stemwidgets.state."""
