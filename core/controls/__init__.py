"""What a bank is compared with: directions in its place for which nothing was learned."""
