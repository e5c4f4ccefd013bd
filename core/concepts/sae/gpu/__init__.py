"""TopK training on a GPU: kernels, and one step of them replayed as a graph."""
