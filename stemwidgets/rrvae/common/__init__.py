"""Parts shared by all kinds of model: records, protocols, devices, processes."""
