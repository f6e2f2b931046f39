"""Measures Counterfoil on this machine: ``python -m bench`` or ``make bench``."""
