"""Tests of stemwidgets.state.background."""
