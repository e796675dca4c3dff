"""What a server without goldloop runs: MLflow's loaders of registered models, one module a kind."""
