"""The direct beam in a pattern: found, measured, and told how sure that is."""
