"""The pages, a folder each: `page.py`, and what only it shows.

Named views, since Streamlit reads a folder called pages in a way of its own.
"""
