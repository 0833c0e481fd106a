"""A serial stroke study with exactly known truth."""
