"""Authorship: who gave an answer, by what goldloop recorded before it believes what the server says now."""

from __future__ import annotations

from dataclasses import replace

from goldloop.core.annotations import NOBODY, AnnotationStatus, StoredAnnotation


def with_recorded_author(seen: StoredAnnotation, before: StoredAnnotation | None) -> StoredAnnotation:
    """Return `seen` with the author that goldloop recorded, where `seen` does not name another with reason.

    A server forgets the authors of deleted accounts; the recorded author stays. It names the last account
    that saved an annotation; where that account changed nothing in the answer, for example when it marked
    the answer as ground truth, the recorded author stays too.
    """
    if before is None or before.annotator in NOBODY or before.status is AnnotationStatus.RETRACTED:
        return seen
    is_same_answer = (before.status, before.label) == (seen.status, seen.label)
    is_forgotten = seen.annotator is None or (bool(seen.is_bulk) and is_same_answer)
    is_untouched = is_same_answer and not before.is_bulk
    if not is_forgotten and not is_untouched:
        return seen
    author = before.server_author if seen.server_author is None else seen.server_author
    is_bulk = seen.is_bulk if before.is_bulk is None else before.is_bulk
    return replace(seen, annotator=before.annotator, server_author=author, is_bulk=is_bulk)
