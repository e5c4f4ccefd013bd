"""The page Classes."""
