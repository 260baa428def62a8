"""Tables of the chapters."""
