"""The reader: pages over one store. Computes nothing that the store already says."""
