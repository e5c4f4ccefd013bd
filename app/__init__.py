"""Pages over one store. They compute nothing that the store already says."""
