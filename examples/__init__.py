"""The loop on made samples of each kind, without any server: python -m examples.texts FOLDER."""
