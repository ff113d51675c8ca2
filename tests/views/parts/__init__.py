"""Tests of stemwidgets.views.parts."""
