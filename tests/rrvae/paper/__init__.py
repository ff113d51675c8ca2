"""Tests of stemwidgets.rrvae.paper."""
