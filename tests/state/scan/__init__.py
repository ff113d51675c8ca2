"""Tests of stemwidgets.state.scan."""
