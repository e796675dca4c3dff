"""Images: the reader that lists and decodes them, and the store that keeps those people were shown."""
