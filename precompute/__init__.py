"""Who computes it: images and a model in, one store out. Imports `data` and `core`, never `app`."""
