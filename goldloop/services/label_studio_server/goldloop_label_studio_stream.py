"""Keeps the task that somebody was given from everybody else; runs inside Label Studio's own environment.

When Label Studio's page asks for the next task it sends the filter, order and selection of its tab along,
even where they are empty, and with any of them Label Studio hands out the first task that is open, locked or
not. Two people who follow the same link are then given the same tasks, one after the other. Only a click on
"Label All Tasks" makes the page leave them out, and the filter of the tab as well.
"""

from threading import Lock

from django.apps import AppConfig
from django.conf import settings

_ONE_AT_A_TIME = Lock()  # on SQLite, Label Studio looks for a task and locks it in two transactions


class Stream(AppConfig):
    """Replaces the Data Manager's `next_task`."""

    name = "goldloop_label_studio_stream"

    def ready(self):
        """Register ours once Label Studio has registered its own."""
        import data_manager.actions  # noqa: F401  # registers them

        settings.DATA_MANAGER_ACTIONS["next_task"]["entry_point"] = next_task


def next_task(project, queryset, *, request, **_):
    """Return the next task of the tab that `request` comes from, of those that it selects, and lock it."""
    from projects.functions.next_task import get_next_task
    from rest_framework.exceptions import NotFound
    from tasks.serializers import NextTaskSerializer

    shown = _in_tab(project, request)
    wanted = queryset if shown is None else shown
    with _ONE_AT_A_TIME:
        task, how = get_next_task(request.user, wanted, project, dm_queue=False)
    if task is None:
        raise NotFound(f"There are no tasks for {request.user}")
    context = {"request": request, "project": project, "resolve_uri": True, "annotations": False}
    return NextTaskSerializer(task, context=context).data | {"queue": how}


def _in_tab(project, request):
    """Return the tasks that the tab shows, of those selected; None where the page comes from no saved tab."""
    from core.utils.common import int_from_request
    from data_manager.functions import get_prepare_params
    from data_manager.models import View
    from tasks.models import Task

    tab = View.objects.filter(project=project, pk=int_from_request(request.GET, "tabID", 0)).first()
    if tab is None:
        return None
    shown, asked = tab.get_prepare_tasks_params(), get_prepare_params(request, project)
    shown.selectedItems, shown.request = asked.selectedItems, request
    return Task.prepared.only_filtered(prepare_params=shown)
