"""The search for synthetic patients, stage by stage."""
