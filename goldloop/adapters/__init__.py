"""One outside library per file, behind the ports of the core."""
