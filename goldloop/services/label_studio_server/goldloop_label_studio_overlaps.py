"""Sets the number of answers of many tasks in one request; runs inside Label Studio's own environment.

Label Studio's API changes one task a request, in 40 ms. Who is no goldloop account is refused by the doors
(`goldloop_label_studio_doors`), and here again.
"""

from collections import defaultdict

from django.db import transaction
from django.db.models import Count, Q
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

MOST_TASKS = 1000  # in one request, so that it holds the database's write lock for a moment only


class Overlaps(APIView):
    """POST {task id: number of answers, or null for the present number}; tasks that are gone are ignored.

    A task is open while fewer people than that have answered it. What counts its annotations is set with it,
    as imported ones are not counted in the same way. When a task was last changed stays: nobody has answered.
    """

    def post(self, request):
        """Set the numbers in one transaction, which no answer can come between."""
        if not request.user.is_superuser:
            raise PermissionDenied("only goldloop's own account sets how many answers a task needs")
        wanted = _wanted(request.data)
        with transaction.atomic():
            changes = _changes(wanted)
            for values, task_ids in changes.items():
                _tasks(task_ids).update(**dict(values))
        return Response({"changed": sum(map(len, changes.values()))})


def _wanted(sent):
    """Return the number of answers by task id; raise ValidationError where that is not what was sent."""
    if not isinstance(sent, dict) or len(sent) > MOST_TASKS:
        raise ValidationError(f"send an object of at most {MOST_TASKS} task ids and numbers of answers")
    for task_id, n in sent.items():
        is_number = n is None or (type(n) is int and n > 0)
        if not (task_id.isascii() and task_id.isdigit() and is_number):
            raise ValidationError(f"task {task_id!r}: {n!r} is no number of answers")
    return {int(task_id): n for task_id, n in sent.items()}


def _tasks(task_ids):
    from tasks.models import Task

    return Task.objects.filter(pk__in=task_ids)


def _changes(wanted):
    """Return the ids of the tasks whose fields are wrong, by their right fields."""
    from tasks.models import Annotation

    answers, skips = Q(was_cancelled=False), Q(was_cancelled=True)
    counted = (
        Annotation.objects.filter(task__in=list(wanted))
        .values("task")
        .annotate(
            n=Count("id", filter=answers),
            n_people=Count("completed_by", filter=answers, distinct=True),
            n_skips=Count("id", filter=skips),
        )
    )
    found = {row["task"]: row for row in counted}
    none = {"n": 0, "n_people": 0, "n_skips": 0}
    names = ("overlap", "is_labeled", "total_annotations", "cancelled_annotations")
    changes = defaultdict(list)
    for task_id, *present in _tasks(list(wanted)).select_for_update().values_list("pk", *names):
        n, row = wanted[task_id] or present[0], found.get(task_id, none)
        right = [n, row["n_people"] >= n, row["n"], row["n_skips"]]
        if present != right:
            changes[tuple(zip(names, right, strict=True))].append(task_id)
    return changes
