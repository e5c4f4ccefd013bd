"""What the laboratory does beside editing one image, a tab each."""
