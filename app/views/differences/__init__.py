"""The page Differences."""
