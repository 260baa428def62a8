"""Every target recomputed from the data sets alone."""
