"""An executable companion to the PALMIRA trial."""
