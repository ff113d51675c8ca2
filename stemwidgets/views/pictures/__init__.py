"""Pictures on screen: raster, colours, pointer, and the marks drawn on them."""
