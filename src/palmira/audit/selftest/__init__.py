"""The audit's own reliability: what it finds of planted errors, and what it flags without one."""
