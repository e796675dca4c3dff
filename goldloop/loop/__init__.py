"""The weekly routine over ports, without any framework: score, push, pull, follow up, retrain, relabel, round."""
