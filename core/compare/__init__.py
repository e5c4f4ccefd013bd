"""Two image sets, two models, two banks on the same images."""
