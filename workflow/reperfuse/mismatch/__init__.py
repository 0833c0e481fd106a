"""Mismatch and the criteria of trials."""
