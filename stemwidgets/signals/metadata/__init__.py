"""What files say of their scans: titles, units, dimensions, the beam."""
