"""What a scan says of its microscope: descan, rotation of the detector, scale, electrons."""
