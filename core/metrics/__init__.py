"""Numbers about concepts, each with its chance level where one exists."""
