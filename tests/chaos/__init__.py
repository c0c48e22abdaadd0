"""A seeded storm of faults over the whole service: kill anything, and every job ends, once."""
