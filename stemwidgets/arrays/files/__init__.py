"""Files that are whole before they take their names, and files that are damaged."""
