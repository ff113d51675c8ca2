"""Arrays in, arrays out: the numerics of 4D-STEM without signals, widgets or torch."""
