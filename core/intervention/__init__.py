"""What happens if a concept were otherwise: which to correct, to what, and how far it reaches."""
