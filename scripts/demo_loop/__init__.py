"""The demo: a whole loop on real servers with simulated people, and what it shows."""
