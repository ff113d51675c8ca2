"""Files that are complete before they take their names, and files that are damaged."""
