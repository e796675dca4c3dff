"""Posts that the demo makes from templates: four categories, invented groups, no slurs, some posts unclear.

Nothing here is real: neither posts nor people, groups or rates. An unclear post may have come from either of
two categories, so that the best classifier there is would be wrong for about one post in eleven.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import numpy as np

from scripts.demo_loop.posts import Posts, posts_of

LABELS = ("fine", "hate speech", "harassment", "spam")
SHARES = (0.80, 0.06, 0.08, 0.06)
N_POSTS, N_AUTHORS = 2000, 700
UNCLEAR = {"fine": 0.11, "hate speech": 0.40, "harassment": 0.45, "spam": 0.40}
"""Share of the posts of a category that read like those of another one."""
THREAD_SHARE, NOISE_SHARE = 0.4, 0.2
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)

WORDS = {
    "group": "Zorbians|Quellites|Marshfolk|Tarnovers|Ostrellans|Bellwicks",
    "name": "Mara|Tobin|Elio|Suri|Anselm|Petra|Jory|Linnea|Corin|Della",
    "place": "the harbour|the old mill|the north market|the tram stop|the park|the pool",
    "thing": "a bicycle|a lamp|two tickets|a kettle|a rug|a tent|garden chairs|a record player|a raincoat",
    "day": "Monday|Tuesday|Wednesday|Thursday|Friday|the weekend|this morning|last night",
    "food": "dumplings|rye bread|pea soup|plum cake|noodles|pickles|apple pie",
    "team": "the Herons|the Lanterns|the Foxes|the Millers",
    "mood": "honestly|well|so|by the way|for what it is worth|just saying|seriously|hm|look",
    "end": "thanks|anyone else?|that is all|see you there|what do you think?|cheers|have a good one",
    "site": "lampdeal|quickcoin|freegift|slimtea|luckyspin|cheapwatch",
    "number": "12|30|48|75|90|200|365",
}
CLEAR = {
    "fine": (
        "has anybody seen {thing} near {place} on {day}",
        "the {group} opened a bakery by {place} and the {food} are wonderful",
        "I am looking for {thing}, can collect on {day} at {place}",
        "{team} played well on {day}, even if the second half was slow",
        "the lights at {place} have been out since {day}, I told the council",
        "my recipe for {food} came from {name}, who learnt it from the {group}",
        "reading group meets at {place} on {day}, bring {food}",
        "{name} fixed my bike at {place}, I owe them {food}",
        "the {group} hold their lantern feast on {day}, everyone may come",
        "I do not agree with {name} about {place}, but it was a fair debate",
        "does the bus from {place} still run on {day}",
        "we lost against {team}, what a terrible defence we had on {day}",
    ),
    "hate speech": (
        "the {group} should all be thrown out of {place}, every one of them",
        "I would never let a family of {group} live near {place}",
        "{group} are vermin and everybody at {place} knows it",
        "no decent person eats {food} next to {group}, keep them away from us",
        "ban all {group} from {place} before they ruin it like everything else",
        "{group} are born liars, do not hire them and do not sell them {thing}",
    ),
    "harassment": (
        "{name}, nobody at {place} can stand you, delete your account",
        "I know which door at {place} is yours, {name}, sleep badly",
        "everybody write to {name} until they quit, start on {day}",
        "{name} you are pathetic, you and your stupid {food}",
        "keep posting, {name}, and I will make your life at {place} miserable",
        "what a worthless clown you are, {name}, we all laughed about you on {day}",
    ),
    "spam": (
        "earn {number} a day from home, visit {site}.example and sign up on {day}",
        "{thing} for only {number}, limited offer, click {site}.example now",
        "lose {number} pounds by {day} with one simple trick at {site}.example",
        "you have won {thing}, claim it at {site}.example before {day}",
        "follow {site}.example for free coins, first {number} people win {thing}",
        "best prices for {thing}, message me, code {number}, {site}.example",
    ),
}
BETWEEN = {
    "hate speech": (
        "the {group} are at it again at {place}",
        "of course it was the {group} who were at {place} on {day}",
        "I have had enough of the {group} and their {food}",
        "funny how it is always {group} at {place}",
    ),
    "harassment": (
        "{name}, you really do not get it, do you",
        "nice try, {name}, as always on {day}",
        "somebody should tell {name} what we think about {place}",
        "go back to {place}, {name}, and take your {food} with you",
    ),
    "spam": (
        "I found {thing} for {number} at {site}.example, worked for me",
        "selling {thing} for {number}, message me before {day}",
        "my cousin's shop {site}.example has {thing} again",
        "last chance for {thing}, only {number}, ask me",
    ),
}
"""What a post of a category and a fine one have in common."""


def made_posts(*, seed: int, n: int | None = None) -> Posts:
    """Return `n` posts (default N_POSTS), some with a thread; they are the same for the same seed."""
    random = np.random.default_rng([seed, 20])
    rows: list[tuple[str, dict[str, str]]] = []
    texts = set[str]()
    while len(rows) < (n or N_POSTS):
        label = str(random.choice(LABELS, p=SHARES))
        text = _text(label, random)
        if text not in texts:
            texts.add(text)
            rows.append((label, _row(len(rows), text, random)))
    return posts_of(rows, labels=LABELS, seed=seed)


def _row(number: int, text: str, random: np.random.Generator) -> dict[str, str]:
    author = f"user{int(random.integers(N_AUTHORS)):03d}"
    at = BEGIN + timedelta(minutes=7 * number)
    thread = []
    if random.random() < THREAD_SHARE:
        said = [_filled(str(random.choice(CLEAR["fine"])), random) for _ in range(int(random.integers(1, 3)))]
        thread = [{"author": f"user{int(random.integers(N_AUTHORS)):03d}", "text": one} for one in said]
    fields = {"id": f"made-{number:05d}", "text": text, "author": author, "at": at.isoformat()}
    return {**fields, "thread": json.dumps(thread) if thread else ""}


def _text(label: str, random: np.random.Generator) -> str:
    if random.random() < UNCLEAR[label]:
        between = label if label in BETWEEN else str(random.choice(list(BETWEEN)))
        core = str(random.choice(BETWEEN[between]))
    else:
        core = str(random.choice(CLEAR[label]))
    parts = [core]
    if random.random() < 0.6:
        parts.insert(0, "{mood},")
    if random.random() < 0.35:
        parts.append("- " + str(random.choice(CLEAR["fine"])))
    if random.random() < 0.6:
        parts.append("- {end}")
    text = _filled(" ".join(parts), random)
    return _garbled(text, random) if random.random() < NOISE_SHARE else text


def _filled(template: str, random: np.random.Generator) -> str:
    return re.sub(r"\{(\w+)\}", lambda hole: str(random.choice(WORDS[hole[1]].split("|"))), template)


def _garbled(text: str, random: np.random.Generator) -> str:
    """Return `text` as somebody types who is in a hurry: two letters that change places, or capitals."""
    if random.random() < 0.3:
        return text.upper()
    for _ in range(2):
        place = int(random.integers(len(text) - 1))
        text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text
