"""Many twins: what publication leaves open."""
