"""The direct beam in a pattern: its place, size and shape, and how certain they are."""
