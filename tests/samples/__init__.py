"""Tests of stemwidgets.samples."""
