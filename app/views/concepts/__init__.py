"""The page Concepts."""
