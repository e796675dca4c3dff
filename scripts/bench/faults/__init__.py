"""Bench of the promise that nothing is lost: faults of servers, disk, clock and processes, with seeds."""
