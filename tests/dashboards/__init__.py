"""Tests of stemwidgets.dashboards."""
