"""Synthetic patients whose statistics are the published ones."""
