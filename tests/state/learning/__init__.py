"""Tests of stemwidgets.state.learning."""
