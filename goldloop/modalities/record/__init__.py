"""Records as one kind of samples: rows of typed fields, such as payments."""
