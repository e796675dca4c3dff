"""What an annotator may do on the embedded server; runs inside Label Studio's own environment.

Label Studio Community has no roles: every account may do everything. On the embedded server, only goldloop's
own account may. Everybody else may open the labelling page, take the next task, and create, change, skip and
delete their own answers. `DOORS` lists all of it; every other request is answered with 403. What Label Studio
sends to annotators loses the answers of the others.
"""

from collections import defaultdict
from threading import Lock

from django.apps import AppConfig
from django.http import HttpResponseForbidden
from goldloop_label_studio_answers import MAX_BYTES, answer_fault, unsound
from goldloop_label_studio_redactions import REDACTIONS
from rest_framework.exceptions import PermissionDenied
from rest_framework.views import APIView

_ANSWER = {  # what the labelling page sends; neither author nor times, ground truth or another task
    *("result", "lead_time", "was_cancelled", "draft_id", "parent_prediction", "parent_annotation"),
    *("started_at", "unique_id", "project", "was_postponed"),
}
_PROFILE = {"first_name", "last_name", "phone", "allow_newsletters", "custom_hotkeys"}
_LISTING = {"project", "view", "page", "page_size", "fields", "include", "resolve_uri", "interaction"}
_ANSWERING = defaultdict(Lock)  # by account: two answers at one moment would both be the first
_FOREIGN = {"cross-site", "same-site"}  # another port of this machine is the same site
_READING = {"GET", "HEAD", "OPTIONS"}
_MAX_GIVEN = 10  # tasks that pages which are still open may show
_MAX_DRAFTS = 20  # of one annotator for one task; the labelling page keeps one


class Doors(AppConfig):
    """Makes every API view of Label Studio check the rule and leave out others' answers."""

    name = "goldloop_label_studio_doors"

    def ready(self):
        """Put the rule behind authentication, and the redaction behind every view."""
        from django.db.models.signals import post_save
        from io_storages.localfiles.models import LocalFilesExportStorage
        from ml.models import MLBackend, create_ml_webhook
        from tasks.api import AnnotationsListAPI

        # Label Studio would send every answer to an ML backend too, and refuse one on this machine for that
        post_save.disconnect(create_ml_webhook, sender=MLBackend)

        APIView.initial = _checked(APIView.initial)
        AnnotationsListAPI.post = _one_by_one(AnnotationsListAPI.post)
        APIView.finalize_response = _redacted(APIView.finalize_response)
        LocalFilesExportStorage.validate_connection = _refuse_storage
        for write in ("save_annotation", "delete_annotation"):
            setattr(LocalFilesExportStorage, write, _write_nothing)


class PageDoors:
    """Django middleware with the same rule for what is no API view: pages and files."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Return the response; `process_view` decides before it.

        Browsers send a session along when a page on another port of this machine sends a form or shows Label
        Studio in a frame.
        """
        if request.method not in _READING and request.headers.get("Sec-Fetch-Site") in _FOREIGN:
            return HttpResponseForbidden("a page of another server may not send this to Label Studio")
        response = self.get_response(request)
        response["X-Frame-Options"] = "SAMEORIGIN"
        return response

    def process_view(self, request, view, args, kwargs):
        """Return a refusal, or None to go on."""
        if not issubclass(getattr(view, "cls", object), APIView):
            try:
                _check(request, {}, kwargs)
            except PermissionDenied as refusal:
                return HttpResponseForbidden(str(refusal.detail))
        return None


def _checked(initial):
    def checked(view, request, *args, **kwargs):
        initial(view, request, *args, **kwargs)
        if _is_annotator(request):
            if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
                raise PermissionDenied(f"an annotator may not send more than {MAX_BYTES} bytes at once")
            _check(request, request.data, kwargs)

    return checked


def _one_by_one(post):
    def alone(view, request, *args, **kwargs):
        with _ANSWERING[request.user.pk]:
            _check(request, request.data, kwargs)  # again: the account may have answered meanwhile
            return post(view, request, *args, **kwargs)

    return alone


def _redacted(finalize_response):
    def redacted(view, request, response, *args, **kwargs):
        if response.status_code < 300 and _is_annotator(request):
            redact = REDACTIONS.get(request.resolver_match.view_name)
            if redact is not None:
                response.data = redact(response.data, request.user)
        return finalize_response(view, request, response, *args, **kwargs)

    return redacted


def _is_annotator(request):
    """Return whether the request is by an account other than goldloop's own, the only superuser."""
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated and not user.is_superuser)


def _check(request, sent, kwargs):
    """Raise PermissionDenied if an annotator asks for what `DOORS` does not list, or sends more than it."""
    if not _is_annotator(request):
        return
    view, method = request.resolver_match.view_name, request.method.replace("HEAD", "GET")
    door = DOORS.get(view, {}).get(method)
    refusal = f"{method} {view} is not for annotators" if door is None else unsound(sent)
    refusal = refusal or door(request, sent, kwargs)
    if refusal:
        raise PermissionDenied(f"{refusal}; use goldloop's own account, which `goldloop up` names")


# Doors: each returns why it stays closed, or None


def _open(request, sent, kwargs):
    return None


def _only(sent, fields):
    more = sorted(set(sent) - fields) if isinstance(sent, dict) else ["anything but one object"]
    return f"an annotator may not send {', '.join(more)}" if more else None


def _listing(request, sent, kwargs):
    """Allow tasks without a filter or order of the annotator's own, which would tell what others answered."""
    return _only(sent, set()) or _only(dict(request.GET), _LISTING)


def _next_task(request, sent, kwargs):
    action = request.GET.get("id")
    return None if action == "next_task" else f"the action {action} is not for annotators"


def _profile(request, sent, kwargs):
    is_own = str(kwargs["pk"]) == str(request.user.pk)
    return _only(sent, _PROFILE) if is_own else "this is another annotator's account"


def _tour(request, sent, kwargs):
    return _only(sent, {"state", "interaction_data"})


def _new_answer(request, sent, kwargs):
    """Allow one answer to a task that is open or was given to the annotator; the barred have a skip there."""
    from tasks.models import Annotation, Task

    task = Task.objects.filter(pk=kwargs["pk"]).first()
    if Annotation.objects.filter(task=kwargs["pk"], completed_by=request.user).exists():
        return f"you have answered or skipped task {kwargs['pk']}, or goldloop has barred you from it"
    if task and task.is_labeled and not _was_given(task, request.user):
        return f"task {task.pk} has its answers, and you were not given it"
    return _answer(sent, kwargs["pk"])


def _was_given(task, user):
    """Return whether the stream has given the task to `user` lately; the page may have been open for long."""
    history = user.histories.filter(project=task.project_id).first()
    given = {entry["taskId"] for entry in ((history.data if history else None) or [])[-_MAX_GIVEN:]}
    return task.pk in given or task.locks.filter(user=user).exists()


def _own_answer(request, sent, kwargs):
    """Allow changes of an answer that the annotator has given, and nobody else has changed or imported."""
    from tasks.models import Annotation

    answer = Annotation.objects.filter(pk=kwargs.get("annotation_id", kwargs["pk"])).first()
    if answer is None:
        return None
    if {answer.completed_by_id, answer.updated_by_id} != {request.user.pk}:
        return f"annotation {answer.pk} is not yours"
    return _answer(sent, answer.task_id)


def _draft(request, sent, kwargs):
    if request.user.drafts.filter(task=kwargs["pk"]).count() >= _MAX_DRAFTS:
        return f"you have {_MAX_DRAFTS} drafts for task {kwargs['pk']}"
    return _answer(sent, kwargs["pk"])


def _draft_of_own_answer(request, sent, kwargs):
    from tasks.models import Annotation

    is_there = Annotation.objects.filter(pk=kwargs["annotation_id"], task=kwargs["pk"]).exists()
    refusal = None if is_there else f"task {kwargs['pk']} has no annotation {kwargs['annotation_id']}"
    return refusal or _own_answer(request, sent, kwargs) or _draft(request, sent, kwargs)


def _own_draft(request, sent, kwargs):
    from tasks.models import AnnotationDraft

    draft = AnnotationDraft.objects.filter(pk=kwargs["pk"]).first()
    if draft is None:
        return None
    return _answer(sent, draft.task_id) if draft.user_id == request.user.pk else "this is another's draft"


def _answer(sent, task_id):
    from tasks.models import Task

    task = Task.objects.filter(pk=task_id).first()
    if task and isinstance(sent, dict):
        if str(sent.get("project", task.project_id)) != str(task.project_id):
            return f"task {task_id} is not in project {sent['project']}"
        fault = answer_fault(sent, task.project.get_parsed_config())
    else:
        fault = None
    return _only(sent, _ANSWER) or fault


_GET = {"GET": _open}
DOORS = {
    **dict.fromkeys(
        (
            *("main", "projects:project-index", "data_manager:project-data"),
            *("user-account", "user-account-anything", "logout", "heidi_tips", "feature_flags"),
            *("version", "api-version", "health", "core.views.serve_file", "core.utils.static_serve.serve"),
            *("django.views.generic.base.RedirectView", "storages:localfiles_data"),
            *(
                "projects:api:project-list",
                "projects:api:project-detail",
                "projects:api:label-stream-history",
            ),
            *("data_manager:api:view-list", "data_manager:api:view-detail"),
            *("data_manager:dm-columns", "data_manager:dm-project"),
            *("labels_manager:api-labels:label_link-list", "ml:api:ml-list", "user-list"),
            *("current-user-whoami", "current-user-token", "jwt_auth:api-jwt-settings"),
            "tasks:api:task-detail",
        ),
        _GET,
    ),
    "user-login": {"GET": _open, "POST": _open},
    "user-signup": {"GET": _open, "POST": _open},
    "current-user-hotkeys": {"GET": _open, "PATCH": _open},
    "product-tour": {"GET": _open, "PATCH": _tour},
    "user-detail": {"GET": _profile, "PATCH": _profile},
    "data_manager:dm-actions": {"GET": _open, "POST": _next_task},
    "tasks:api:task-list": {"GET": _listing},
    "projects:api:project-next": {"GET": _listing},
    "tasks:api:task-annotations": {"POST": _new_answer},
    "tasks:api:task-drafts": {"POST": _draft},
    "tasks:api:task-annotations-drafts": {"POST": _draft_of_own_answer},
    "tasks:api-annotations:annotation-detail": dict.fromkeys(("GET", "PATCH", "DELETE"), _own_answer),
    "tasks:api-annotations:annotation-convert-to-draft": {"POST": _own_answer},
    "tasks:api-drafts:draft-detail": dict.fromkeys(("GET", "PATCH", "DELETE"), _own_draft),
}
"""What an annotator may request: by name of the view and method, the function that looks at the request."""


# The images folder is read-only for the whole server


def _refuse_storage(storage):
    from rest_framework.exceptions import ValidationError

    raise ValidationError("goldloop's Label Studio writes no files: the images folder is read-only")


def _write_nothing(storage, annotation):
    """Leave the folder of a storage of an earlier version alone."""
