"""Audit: the accuracy of models, lanes and routing policies, from blind labels of randomly drawn samples."""
