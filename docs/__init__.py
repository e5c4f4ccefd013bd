"""What people read. `reference/` is made from the code by `docs.generate`."""
