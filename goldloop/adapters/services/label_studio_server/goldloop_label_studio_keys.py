"""Puts annotator_keys.js into Label Studio's pages; runs inside Label Studio's own environment."""

from pathlib import Path

SCRIPT = b"<script>\n" + Path(__file__).with_name("annotator_keys.js").read_bytes() + b"</script>\n"
END = b"</body>"


class AnnotatorKeys:
    """Django middleware that adds the script to every page."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Return the page with the script at its end, anything else as it is."""
        response = self.get_response(request)
        if not response.streaming and response.get("Content-Type", "").startswith("text/html"):
            response.content = response.content.replace(END, SCRIPT + END)
            if "Content-Length" in response:
                response["Content-Length"] = str(len(response.content))
        return response
