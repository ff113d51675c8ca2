"""Pictures on screen: raster, colours, pointer, and what is drawn on them."""
