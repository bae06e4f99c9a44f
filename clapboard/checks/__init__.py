"""Everything that is wrong with the input, before any work."""
