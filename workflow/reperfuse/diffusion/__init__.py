"""ADC and the diffusion lesion."""
