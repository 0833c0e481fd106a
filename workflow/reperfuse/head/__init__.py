"""The head: brain, mirror plane, tissue, alignment."""
