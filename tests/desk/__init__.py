"""Tests of stemwidgets.desk."""
