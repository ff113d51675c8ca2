"""Scan frequencies that a probe can hold, and scans without the shot noise beyond them."""
