"""Parts of views, pictures apart: boxes, words, rows of controls."""
