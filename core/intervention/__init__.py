"""What happens if a concept were otherwise: which to correct (policies), to what (strategies)."""
