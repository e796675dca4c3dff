"""Gives each task to one annotator at a time; runs inside Label Studio's own environment.

When Label Studio's page requests the next task, it sends filter, order and selection of its tab, even if they
are empty. With any of them, Label Studio returns the first open task, even if it is locked: two annotators
who follow the same link get the same tasks. Only "Label All Tasks" omits them, together with the tab's
filter.

The labelling page asks ahead: while a task is on the page, `AHEAD_OF` names it in a request for the one that
follows. That one is locked for the annotator, who has it when the answer is in, and it enters the history of
what they saw only then.
"""

from threading import Lock

from django.apps import AppConfig
from django.conf import settings

AHEAD_OF = "goldloop_ahead_of"
_ONE_AT_A_TIME = Lock()  # on SQLite, Label Studio finds and locks a task in two transactions


class Stream(AppConfig):
    """Replaces the Data Manager's `next_task`."""

    name = "goldloop_label_studio_stream"

    def ready(self):
        """Register our `next_task` after Label Studio has registered its own."""
        import data_manager.actions  # noqa: F401  # registers them
        import projects.api

        projects.api.get_next_task = given_task
        settings.DATA_MANAGER_ACTIONS["next_task"]["entry_point"] = next_task


def next_task(project, queryset, *, request, **_):
    """Return the next task among the selected tasks of the tab that sent `request`, and lock it."""
    from core.utils.common import int_from_request
    from rest_framework.exceptions import NotFound
    from tasks.serializers import NextTaskSerializer

    shown, wanted = int_from_request(request.GET, AHEAD_OF, 0), _wanted(project, request)
    if shown:
        task, how = task_ahead(request.user, wanted, project, shown)
    else:
        task, how = given_task(request.user, wanted, project, dm_queue=False)
    if task is None:
        raise NotFound(f"There are no tasks for {request.user}")
    context = {"request": request, "project": project, "resolve_uri": True, "annotations": False}
    return NextTaskSerializer(task, context=context).data | {"queue": how}


def given_task(user, queryset, project, dm_queue, **options):
    """Return what Label Studio's `get_next_task` does, and release the tasks that `user` was given before.

    Otherwise one account could lock all tasks, and nobody else would get any.
    """
    from projects.functions.next_task import get_next_task

    with _ONE_AT_A_TIME:
        task, how = get_next_task(user, queryset, project, dm_queue, **options)
        if task is not None:
            _release(user, project, [task.pk])
    return task, how


def task_ahead(user, queryset, project, shown):
    """Return the task that follows the one with the id `shown`, and lock it beside that one."""
    from projects.functions.next_task import get_next_task

    with _ONE_AT_A_TIME:
        history = user.histories.filter(project=project).first()
        seen = list(history.data) if history else []
        task, how = get_next_task(user, queryset.exclude(pk=shown), project, dm_queue=False)
        if task is not None:
            _release(user, project, [task.pk, shown])
            user.histories.filter(project=project).update(data=seen)
    return task, how


def _release(user, project, but):
    user.task_locks.filter(task__project=project).exclude(task__in=but).delete()


def _wanted(project, request):
    """Return the selected tasks that the tab shows; of all tasks if the page has no saved tab.

    The filter in the request is ignored: with a filter of their own, annotators could find out what others
    have answered.
    """
    from core.utils.common import int_from_request
    from data_manager.functions import get_prepare_params
    from data_manager.models import View
    from data_manager.prepare_params import PrepareParams
    from tasks.models import Task

    tab = View.objects.filter(project=project, pk=int_from_request(request.GET, "tabID", 0)).first()
    shown = PrepareParams(project=project.id) if tab is None else tab.get_prepare_tasks_params()
    shown.selectedItems, shown.request = get_prepare_params(request, project).selectedItems, request
    return Task.prepared.only_filtered(prepare_params=shown)
