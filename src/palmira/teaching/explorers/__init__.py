"""Explorers: controls whose every setting was computed here, for a page without a kernel."""
