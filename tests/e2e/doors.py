"""What no annotator may ask of the embedded Label Studio: method, address and body of each request."""

from __future__ import annotations

from typing import Any

from tests.e2e.insider import ALL, DOG, FORGED

Door = tuple[str, str, Any]

TO_IMAGES = {"title": "x", "path": "FILES/images", "use_blob_urls": True, "project": "{project}"}
HOOK = {"project": "{project}", "url": "http://example.com/x", "send_for_all_actions": True}
DOORS: list[Door] = [
    # tokens, accounts and invitations
    ("POST", "/api/jwt/settings", {"api_tokens_enabled": False, "legacy_api_tokens_enabled": False}),
    ("POST", "/api/users/", {"email": "new@insider.example"}),
    ("PATCH", "/api/users/{ann}/", {"first_name": "Mallory"}),
    ("DELETE", "/api/users/{ann}/", None),
    ("PATCH", "/api/users/{me}/", {"is_superuser": True}),
    ("PATCH", "/api/current-user/product-tour?name=create_prompt", {"user": "{ann}"}),
    ("PATCH", "/api/users/{me}/", {"email": "owner2@goldloop.local"}),
    ("PATCH", "/api/users/{me}/", {"password": "another password"}),
    ("POST", "/api/current-user/reset-token/", {}),
    ("GET", "/api/invite", None),
    ("POST", "/api/invite/reset-token", {}),
    ("GET", "/api/organizations/", None),
    ("PATCH", "/api/organizations/1", {"title": "mine"}),
    ("GET", "/api/organizations/1/memberships", None),
    ("DELETE", "/api/organizations/1/memberships/{ann}/", None),
    ("PATCH", "/api/session-policy/", {"max_session_age": 1}),
    # others' answers
    ("PATCH", "/api/annotations/{hers}/", {"result": DOG}),
    ("PUT", "/api/annotations/{hers}/", {"result": DOG}),
    ("DELETE", "/api/annotations/{hers}/", None),
    ("GET", "/api/annotations/{hers}/", None),
    ("POST", "/api/annotations/{hers}/convert-to-draft", {}),
    ("GET", "/api/tasks/{audit}/annotations/", None),
    ("GET", "/api/tasks/{audit}/drafts", None),
    ("POST", "/api/tasks/{audit}/annotations/{hers}/drafts", {"result": DOG}),
    ("GET", "/api/tasks/{audit}/agreement/", None),
    ("GET", "/api/projects/{project}/summary/", None),
    ("POST", "/api/projects/{project}/summary/reset/", {}),
    ("GET", "/api/projects/{project}/annotators/", None),
    # forged answers
    ("POST", "/api/tasks/{open}/annotations/", FORGED | {"completed_by": "{ann}"}),
    ("POST", "/api/tasks/{open}/annotations/", FORGED | {"completed_by": "{me}", "updated_by": "{ann}"}),
    ("POST", "/api/tasks/{open}/annotations/", FORGED | {"ground_truth": True}),
    ("POST", "/api/tasks/{open}/annotations/", FORGED | {"project": "{adjudication}"}),
    ("POST", "/api/tasks/{open}/annotations/", FORGED | {"task": "{review}"}),
    ("POST", "/api/tasks/{audit}/annotations/", FORGED),  # a second answer of the same annotator
    ("PATCH", "/api/annotations/{mine}/", FORGED | {"completed_by": "{ann}"}),
    ("PATCH", "/api/annotations/{mine}/", FORGED | {"completed_by": "{ann}", "updated_by": "{ann}"}),
    ("PATCH", "/api/annotations/{mine}/", {"task": "{review}"}),
    ("PATCH", "/api/annotations/{mine}/", {"ground_truth": True}),
    ("PATCH", "/api/annotations/{mine}/", {"created_at": "2020-01-01T00:00:00Z"}),
    ("POST", "/api/predictions/", {"task": "{open}", "result": DOG, "model_version": "3"}),
    # bulk actions
    *(
        ("POST", f"/api/dm/actions/?id={action}&project={{project}}", ALL)
        for action in (
            *("predictions_to_annotations", "retrieve_tasks_predictions", "propagate_annotations"),
            *("delete_tasks", "delete_tasks_annotations", "delete_tasks_predictions", "remove_duplicates"),
            *("delete_ground_truths", "delete_annotators", "rename_labels", "add_data_field", "cache_labels"),
        )
    ),
    ("GET", "/api/dm/actions/delete_annotators/form/?project={project}", None),
    # tasks, projects and tabs
    ("POST", "/api/tasks/", {"project": "{project}", "data": {"image": "a.png", "hint": ""}}),
    ("PATCH", "/api/tasks/{open}/", {"data": {"image": "b.png"}}),
    ("PATCH", "/api/tasks/{open}/", {"overlap": 9, "is_labeled": False}),
    ("POST", "/api/goldloop/overlaps/", {"1": 9}),
    ("POST", "/api/goldloop/changes/", {"project": 1, "since": "2020-01-01T00:00:00Z", "size": 9}),
    ("PUT", "/api/tasks/{open}/", {"data": {}}),
    ("DELETE", "/api/tasks/{open}/", None),
    ("DELETE", "/api/projects/{project}/tasks/", None),
    ("GET", "/api/projects/{project}/tasks/", None),
    ("POST", "/api/projects/{project}/import", [{"data": {"image": "a.png"}}]),
    ("POST", "/api/projects/{project}/tasks/bulk/", [{"data": {"image": "a.png"}}]),
    ("POST", "/api/projects/{project}/import/predictions", []),
    ("POST", "/api/projects/{project}/reimport", {}),
    ("POST", "/api/projects/", {"title": "mine"}),
    ("PATCH", "/api/projects/{project}/", {"label_config": "<View/>"}),
    ("PATCH", "/api/projects/{project}/", {"maximum_annotations": 9}),
    ("DELETE", "/api/projects/{project}/", None),
    ("DELETE", "/api/projects/{project}/model-versions/", {"model_version": "3"}),
    ("POST", "/api/dm/views/", {"project": "{project}", "data": {"title": "mine"}}),
    ("DELETE", "/api/dm/views/reset/", {"project": "{project}"}),
    ("POST", "/api/dm/views/order/", {"project": "{project}", "ids": [1]}),
    # exports, storages, webhooks, models
    ("GET", "/api/projects/{project}/export?exportType=JSON", None),
    ("GET", "/api/projects/{project}/exports/", None),
    ("POST", "/api/projects/{project}/exports/", {}),
    ("POST", "/api/storages/localfiles/", TO_IMAGES),
    ("POST", "/api/storages/export/localfiles", TO_IMAGES),
    ("POST", "/api/storages/s3/", {"project": "{project}", "bucket": "b"}),
    ("GET", "/api/storages/?project={project}", None),
    ("POST", "/api/storages/localfiles/files", TO_IMAGES),
    ("GET", "/api/webhooks/", None),
    ("POST", "/api/webhooks/", HOOK),
    ("POST", "/api/ml/", {"project": "{project}", "url": "http://example.com"}),
    ("POST", "/api/labels/", []),
]
PAGES: list[Door] = [  # they know no tokens
    *(("GET", page, None) for page in ("/people/", "/admin/", "/django-rq/", "/metrics/", "/organization/")),
    *(("GET", f"/projects/{{project}}/{page}", None) for page in ("settings/general", "data/export")),
    ("POST", "/admin/login/", {}),
]
