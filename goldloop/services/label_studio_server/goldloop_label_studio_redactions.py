"""What annotators do not get to see of a response; runs inside Label Studio's own environment."""

_OTHERS = {"annotators": [], "annotations_results": "", "annotations_ids": "", "updated_by": []} | {
    "avg_lead_time": None,
    "comment_authors": [],
    "draft_exists": None,
    **dict.fromkeys(("overlap", "completed_at", "updated_at", "total_annotations", "cancelled_annotations")),
}
"""Fields of a task that tell who answered it, what, when and how many, or how many goldloop asks and bars."""


def _without_others(task, user):
    """Return a task with the answers of `user` only, and without the counts of a dispute of theirs."""
    own = [one for one in task.get("annotations") or [] if _author(one) == user.pk]
    kept = {**task, **{name: empty for name, empty in _OTHERS.items() if name in task}}
    if "annotations" in task:
        kept["annotations"] = own
    if "answers" in (task.get("data") or {}) and _is_barred(task["id"], user):
        kept["data"] = {**task["data"], "answers": ""}
    return kept


def _is_barred(task_id, user):
    """Return whether the account has an annotation on the task that it has not given itself."""
    from tasks.models import Annotation

    return Annotation.objects.filter(task=task_id, completed_by=user).exclude(updated_by=user).exists()


def _author(annotation):
    author = annotation.get("completed_by")
    return author.get("id") if isinstance(author, dict) else author


def _tasks(reply, user):
    return {**reply, "tasks": [_without_others(task, user) for task in reply["tasks"]]}


def _next_task(reply, user):
    """Return the next task without others; the other reply of this view is the list of bulk actions."""
    return [] if isinstance(reply, list) else _without_others(reply, user)


def _oneself(accounts, user):
    return [account for account in accounts if account["id"] == user.pk]


def _nothing(reply, user):
    return []


REDACTIONS = {
    "tasks:api:task-list": _tasks,
    "tasks:api:task-detail": _without_others,
    "user-list": _oneself,
    "ml:api:ml-list": _nothing,
    "data_manager:dm-actions": _next_task,
    "projects:api:project-next": _without_others,
}
