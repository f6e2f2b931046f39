"""What the server says to its clients unasked."""
