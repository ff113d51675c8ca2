"""Preparations that are recorded, printed and applied again."""
