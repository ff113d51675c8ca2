"""Tests of stemwidgets.persistence."""
