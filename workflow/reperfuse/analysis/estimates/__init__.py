"""Numbers from tables of patients; they know nothing of strokes."""
