"""Sessions compared."""
