"""Label Studio's settings, with changes that make SQLite safe for several writers.

Imported by Label Studio inside its own environment, never by goldloop.
"""

from core.settings.base import *  # first: the other way round is a circular import when Sentry starts
from core.settings.label_studio import *

# Without IMMEDIATE, Label Studio retries a conflicting write without the predictions of the import: it
# creates the tasks without suggestions and answers 201.
DATABASES["default"]["OPTIONS"] = {
    "timeout": 30,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}

MIDDLEWARE = [
    "goldloop_label_studio_pictures.KeptPictures",  # outermost: the others add cookies
    *MIDDLEWARE,
    "goldloop_label_studio_keys.AnnotatorKeys",
    "goldloop_label_studio_doors.PageDoors",
]
INSTALLED_APPS = [*INSTALLED_APPS, "goldloop_label_studio_stream.Stream", "goldloop_label_studio_doors.Doors"]

ROOT_URLCONF = "goldloop_label_studio_urls"

# Cookies ignore ports: without another name, two workspaces on 127.0.0.1 would end each other's sessions.
SESSION_COOKIE_NAME = "goldloop_session_" + get_env("INTERNAL_PORT", "0")
INTERNAL_PORT = get_env("INTERNAL_PORT", INTERNAL_PORT)
