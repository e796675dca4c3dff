"""The tables of a workspace: their columns, the writes, and every query that reads them."""
