"""What several families of concept banks share."""
