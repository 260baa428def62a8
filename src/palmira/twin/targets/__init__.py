"""What a synthetic patient must give back: the printed numbers of a record as targets."""
