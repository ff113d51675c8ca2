"""What one takes home from a session: files, code, a page, and the session itself."""
