"""What all kinds of model share: records, protocols, devices, processes."""
