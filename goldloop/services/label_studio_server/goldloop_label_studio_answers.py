"""What may stand in a request of an annotator; needs neither Django nor goldloop.

Label Studio stores any JSON. Some of it, such as an infinite time or half a character, makes every later list
fail that contains it, and so the pull; the name of an unknown control makes every change of the labelling
page fail.
"""

from math import isfinite

MAX_BYTES = 100_000
"""Longest body of a request; the labelling page sends less than 5,000 bytes."""
MAX_TIME_S = 1e9
_MAX_DEPTH = 12
_MAX_SHOWN = 60


def unsound(sent):
    """Return why Label Studio could store `sent` but not list it again, or None."""
    parts = [(sent, 0)]
    while parts:
        part, depth = parts.pop()
        if depth > _MAX_DEPTH:
            return f"a request may not be nested deeper than {_MAX_DEPTH} levels"
        if isinstance(part, float) and not isfinite(part):
            return f"{part} is no number that can be listed again"
        if isinstance(part, str) and ("\0" in part or _is_half(part)):
            return f"{_shown(part)} holds a character that cannot be listed again"
        if isinstance(part, dict):
            parts += [(one, depth + 1) for pair in part.items() for one in pair]
        elif isinstance(part, list | tuple):
            parts += [(one, depth + 1) for one in part]
    return None


def answer_fault(sent, controls):
    """Return what is wrong with the time or the result of an answer, or None; both may be missing.

    `controls` are the names of the controls on the labelling page.
    """
    time_s = sent.get("lead_time")
    is_number = isinstance(time_s, int | float) and not isinstance(time_s, bool)
    if time_s is not None and not (is_number and abs(time_s) <= MAX_TIME_S):
        return f"lead_time {_shown(time_s)} is no number of seconds"
    regions = sent.get("result", [])
    if not isinstance(regions, list):
        return f"result {_shown(regions)} is no list"
    for region in regions:
        if not isinstance(region, dict) or not isinstance(region.get("value"), dict):
            return f"result holds {_shown(region)}, which no control of the labelling page sends"
        if region.get("from_name") not in controls:
            return f"the labelling page has no control {_shown(region.get('from_name'))}"
    return None


def _is_half(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _shown(value):
    return ascii(value)[:_MAX_SHOWN]
