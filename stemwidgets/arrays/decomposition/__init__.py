"""Patterns as sums of a few components, and positions in groups that are alike."""
