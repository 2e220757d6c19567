"""Records mutated from the golden samples, through the pure fold and through a real worker."""
