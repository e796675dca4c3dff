"""Words that stand out in some texts against others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log, sqrt

PRIOR_TEXTS = 10.0
"""Weight of the prior, in texts: a word in one of two texts does not stand out by chance."""

_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Word:
    """A word, the number of texts with it on either side, and how many standard errors it stands out."""

    word: str
    n: int
    n_others: int
    z: float


def standing_out(
    texts: Iterable[str], others: Iterable[str], *, n: int = 12, least: float = 1.96
) -> list[Word]:
    """Return at most `n` words that are in more of `texts` than of `others`, the most distinct first.

    The log odds of a word on both sides are compared, each with the words of `PRIOR_TEXTS` texts like all of
    these as prior, and divided by their standard error [monroe2008]; words below `least` standard errors are
    left out. A text counts once for each word, so that one text that repeats a word does not make it stand
    out.

    >>> [one.word for one in standing_out(["win money now"] * 9, ["see you now"] * 9)]
    ['money', 'win']
    """
    texts, others = list(texts), list(others)
    counts, rest = _counts(texts), _counts(others)
    scale = PRIOR_TEXTS / max(len(texts) + len(others), 1)
    n_prior = scale * (counts + rest).total()
    found = []
    for word in counts:
        weight = scale * (counts[word] + rest[word])
        inside, outside = counts[word] + weight, rest[word] + weight
        odds = log(inside / max(counts.total() + n_prior - inside, weight))
        odds -= log(outside / max(rest.total() + n_prior - outside, weight))
        z = odds / sqrt(1 / inside + 1 / outside)
        if z >= least:
            found.append(Word(word, counts[word], rest[word], z))
    return sorted(found, key=lambda one: (-one.z, one.word))[:n]


def _counts(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for word in set(_WORD.findall(text.lower())))
