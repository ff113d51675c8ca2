"""Work in the background: threads, waiting for them, and their end."""
