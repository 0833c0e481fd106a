"""One scan to another."""
