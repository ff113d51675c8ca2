"""What views are built from, pictures apart: boxes, words, rows of controls."""
