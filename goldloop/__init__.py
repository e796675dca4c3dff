"""goldloop: a human-in-the-loop labelling loop whose labels and numbers can be trusted."""

__version__ = "0.1.0"
