"""A study: what it holds, what can be computed, and where it goes."""
