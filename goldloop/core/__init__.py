"""The shared words: samples, labels, probabilities, annotations, tasks, lanes; imports nothing else of goldloop."""
