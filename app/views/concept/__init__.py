"""The page Concept."""
