"""The shared words: samples, labels, probs, annotations, tasks, lanes. Imports nothing else of goldloop."""
