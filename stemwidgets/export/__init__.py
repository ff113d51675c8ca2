"""What one takes home from a session: files, pictures, code and a page."""
