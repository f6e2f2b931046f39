"""Others' servers, measured beside Counterfoil in one run."""
