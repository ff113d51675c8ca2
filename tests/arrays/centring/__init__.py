"""Tests of stemwidgets.arrays.centring."""
