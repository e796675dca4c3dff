"""Adds goldloop's script and styles to Label Studio's pages; runs inside Label Studio's own environment."""

from pathlib import Path

HERE = Path(__file__).parent
SCRIPT = b"<script>\n" + (HERE / "annotator_keys.js").read_bytes() + b"</script>\n"
STYLE = b"<style>\n" + (HERE / "annotator_pages.css").read_bytes() + b"</style>\n"
END = b"</body>"


class AnnotatorKeys:
    """Django middleware that adds script and styles to every HTML page."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Return an HTML page with both at its end, and other responses unchanged."""
        response = self.get_response(request)
        if not response.streaming and response.get("Content-Type", "").startswith("text/html"):
            response.content = response.content.replace(END, STYLE + SCRIPT + END)
            if "Content-Length" in response:
                response["Content-Length"] = str(len(response.content))
        return response
