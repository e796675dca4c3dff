"""Sheets: many pictures with one suggested label in a task; the annotator clicks those that are wrong."""
