"""Questions beside the label change while answers refer to the old ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from goldloop.adapters.label_studio import LabelStudioQueue, Projects, ensure_projects
from goldloop.core.annotations import Grounds
from goldloop.core.questions import Questions
from goldloop.services import LabelStudioEndpoint
from labelstudio_config.grounds import rule_name
from tests.e2e.test_label_studio_project import LABELS, asked

pytestmark = pytest.mark.servers


def test_questions_may_change_after_answers(server: LabelStudioEndpoint) -> None:
    """Rules come and go while answers refer to the old ones, which stay as they were given."""
    questions = Questions("cat", ("mild",), {"dog": ("D1", "D2")}, ("irony",), is_veiled=True)

    def ensured_with(asked_for: Questions) -> Projects:
        return ensure_projects(
            server.url,
            server.token,
            name="changing-questions",
            labels=LABELS,
            images_root=None,
            kind="text",
            questions=asked_for,
        )

    projects = ensured_with(questions)
    data = {"text": "woof", "context": "", "hint": "", "key": f"{'0' * 64}:audit", "batch": "b"}
    task_id = asked(server, "/api/tasks/", project=projects.main, data=data)["id"]
    picked = [
        {"from_name": control, "to_name": "text", "type": "choices", "value": {"choices": [value]}}
        for control, value in (
            ("label", "dog"),
            ("severity", "mild"),
            (rule_name("dog"), "D2"),
            ("veil", "x"),
        )
    ]
    asked(server, f"/api/tasks/{task_id}/annotations/", result=picked)

    for changed in (
        replace(questions, rules={"dog": ("D1", "D3")}),
        replace(questions, rules={}),
        Questions(),
    ):
        assert ensured_with(changed).main == projects.main

    queue = LabelStudioQueue(server.url, server.token, projects, LABELS)
    ((state,),) = queue.changed_since(None)
    assert [(one.label, one.grounds) for one in state.annotations] == [("dog", Grounds("mild", "D2"))]
