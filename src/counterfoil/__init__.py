"""Counterfoil: issue tokens, check them without I/O, and take them back at once."""

__version__ = "0.1.0"
