"""The weekly routine over ports, without a framework: score, push, pull, follow up, retrain, relabel."""
