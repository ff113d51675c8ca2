"""From a scan to the patterns that are learned from, and from batches back to maps."""
