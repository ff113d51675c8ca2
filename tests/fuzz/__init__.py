"""Whatever a file says: it is read, or refused in words."""
