"""Export of a session: files, pictures, code and a page."""
