"""What ``make run`` is made of."""
