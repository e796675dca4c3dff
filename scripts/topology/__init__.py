"""The servers of docker-compose.yml as processes of this machine, for tests and trials without Docker."""
