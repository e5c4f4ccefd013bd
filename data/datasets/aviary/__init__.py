"""Invented birds, rendered: what the demo looks at, with every truth known."""
