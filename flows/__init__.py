"""Prefect flows: the weekly routine, told aloud.

Importing a flow needs Prefect's settings in place, see `flows.environment`.
"""
