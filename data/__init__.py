"""Where is it: the schema, the store, the questions asked of it, and readers of data sets."""
