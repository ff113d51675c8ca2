"""Layouts of views on a page, and nothing else."""
