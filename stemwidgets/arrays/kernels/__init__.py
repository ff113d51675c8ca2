"""Loops over pixels, compiled: what is read most often, at the speed of reading it."""
