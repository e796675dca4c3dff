"""Routing: which lane a sample goes to, under which policy, and why."""
