"""Questions to a store. Each function is named for the rows that it returns."""
