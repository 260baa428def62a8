"""The synthetic patients as CDISC ADaM data sets."""
