"""Pictures, downloads and streams that a browser opens without a header."""
