"""Patterns to learn from, prepared from a scan, and maps assembled from batches."""
