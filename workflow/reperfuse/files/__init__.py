"""Files: NIfTI, sidecars, tables, transforms."""
