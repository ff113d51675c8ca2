"""Tests of stemwidgets.views.pictures."""
