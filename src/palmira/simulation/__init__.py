"""Design of a two-arm trial: its sample size, and by simulation what it can and cannot show."""
