"""Volumes in memory: geometry, masks, smoothing; no files."""
