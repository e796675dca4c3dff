"""Adds goldloop's scripts and styles to Label Studio's pages; runs inside Label Studio's own environment."""

from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = ("next_task_ahead.js", "annotator_keys.js", "review_timer.js")
SCRIPT = b"".join(b"<script>\n" + (HERE / name).read_bytes() + b"</script>\n" for name in SCRIPTS)
STYLE = b"<style>\n" + (HERE / "annotator_pages.css").read_bytes() + b"</style>\n"
END = b"</body>"


class AnnotatorKeys:
    """Django middleware that adds scripts and styles to every HTML page."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Return an HTML page with them at its end, and other responses unchanged."""
        response = self.get_response(request)
        if not response.streaming and response.get("Content-Type", "").startswith("text/html"):
            response.content = response.content.replace(END, STYLE + SCRIPT + END)
            if "Content-Length" in response:
                response["Content-Length"] = str(len(response.content))
        return response
