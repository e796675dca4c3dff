"""Lets a browser keep the pictures of tasks; runs inside Label Studio's own environment.

A picture in the content store never changes, so that one loaded ahead of its task is not asked for again.
It is the same for everybody who may see it: a browser that went by the cookie, which is new in every reply,
would ask.
"""

VIEW = "storages:localfiles_data"
KEPT = "private, max-age=3600"  # by this person's browser


class KeptPictures:
    """Django middleware that says for how long a browser may show a picture without asking."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Return the response, a picture's with a time."""
        response = self.get_response(request)
        match = getattr(request, "resolver_match", None)
        if match and match.view_name == VIEW and response.status_code == 200:
            response["Cache-Control"] = KEPT
            response.cookies.clear()
            del response["Vary"]
        return response
