"""Figures. Each function takes a record or a result and returns a ``Picture``."""
