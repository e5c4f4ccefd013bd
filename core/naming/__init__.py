"""Names for concepts: labels that scores match, words that directions or images are near."""
