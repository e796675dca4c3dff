"""Migrates or serves an embedded Label Studio; runs inside Label Studio's own environment.

`label-studio start` sets user, password and token only when it creates the account, moves to the next port if
its own is taken, and checks all migrations at every start. This launcher sets the account from the
environment at every start, serves only the given port, and migrates only on request.
"""

import os
import sys
from pathlib import Path

import label_studio


def set_up() -> None:
    """Load Django with goldloop's settings overlay."""
    sys.path.insert(0, str(Path(label_studio.__file__).parent))
    os.environ["DJANGO_SETTINGS_MODULE"] = "goldloop_label_studio_settings"
    import django

    django.setup()


def migrate() -> None:
    """Bring the database up to this Label Studio's schema and close it, so that the file may be copied."""
    from django.core.management import call_command
    from django.db import connection, connections

    call_command("migrate", "--no-color", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connections.close_all()


def ensure_account(username: str, password: str, token: str) -> None:
    """Set the owner's account and its token, after creating them if they are missing; renew the invitation.

    Somebody who has seen an earlier invitation link could make further accounts, and answer twice.
    """
    from django.db import transaction
    from organizations.models import Organization
    from rest_framework.authtoken.models import Token
    from users.models import User

    with transaction.atomic():
        user = User.objects.filter(email=username).first()
        if user is None:
            user = User.objects.create_user(email=username, password=password)
        elif not user.check_password(password):
            user.set_password(password)
        user.is_staff = user.is_superuser = user.is_active = True
        organization = Organization.objects.first()
        if organization is None:
            organization = Organization.create_organization(created_by=user, title="goldloop")
        elif not organization.has_user(user):
            organization.add_user(user)
        if not organization.jwt.legacy_api_tokens_enabled:
            organization.jwt.legacy_api_tokens_enabled = True
            organization.jwt.save()
        organization.reset_token()
        user.active_organization = organization
        user.save()
        if not Token.objects.filter(user=user, key=token).exists():
            Token.objects.filter(user=user).delete()
            Token.objects.create(user=user, key=token)


def serve(port: int) -> None:
    """Serve on 127.0.0.1:`port` until ended."""
    from django.core.servers.basehttp import get_internal_wsgi_application, run
    from django.db import connections

    connections.close_all()
    run("127.0.0.1", port, get_internal_wsgi_application(), threading=True)


def main() -> None:
    """Run the command in the first argument: `migrate` or `serve`."""
    set_up()
    if sys.argv[1] == "migrate":
        migrate()
        return
    ensure_account(
        os.environ["GOLDLOOP_USERNAME"], os.environ["GOLDLOOP_PASSWORD"], os.environ["GOLDLOOP_TOKEN"]
    )
    serve(int(os.environ["LABEL_STUDIO_INTERNAL_PORT"]))


if __name__ == "__main__":
    main()
