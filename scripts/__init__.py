"""What people run: the checks, the demo and the benches."""
