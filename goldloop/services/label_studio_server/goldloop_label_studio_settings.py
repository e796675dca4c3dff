"""Label Studio's settings with the few that keep one SQLite file whole under several writers.

Imported by Label Studio inside its own environment, never by goldloop.
"""

from core.settings.base import *  # first: the other way round is a circular import when Sentry starts
from core.settings.label_studio import *

# Without IMMEDIATE a write that meets another one is retried by the server after it has dropped the
# predictions of the import: tasks are there, suggestions are not, and the answer is 201.
DATABASES["default"]["OPTIONS"] = {
    "timeout": 30,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}

MIDDLEWARE = [*MIDDLEWARE, "goldloop_label_studio_keys.AnnotatorKeys"]
INSTALLED_APPS = [*INSTALLED_APPS, "goldloop_label_studio_stream.Stream"]

# Cookies do not know ports: two workspaces on 127.0.0.1 would log each other's people out.
SESSION_COOKIE_NAME = "goldloop_session_" + get_env("INTERNAL_PORT", "0")
INTERNAL_PORT = get_env("INTERNAL_PORT", INTERNAL_PORT)
