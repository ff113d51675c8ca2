"""Tests of stemwidgets.views."""
