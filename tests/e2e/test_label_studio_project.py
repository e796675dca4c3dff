"""The project and its people on a real Label Studio: made once, kept up to date, nothing in use lost."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from goldloop.adapters.label_studio import (
    LabelStudioQueue,
    Projects,
    add_annotator,
    ensure_projects,
)
from goldloop.adapters.label_studio.payload import choice_result
from goldloop.core.errors import LabelError, ServiceAuthError, ServiceError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose
from goldloop.services import LabelStudioEndpoint
from goldloop.settings.identity import Identity

pytestmark = pytest.mark.servers

LABELS = LabelSet.of(["cat", "dog"])
_numbers = count(1)


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"project-{next(_numbers)}"


def ensured(
    server: LabelStudioEndpoint, name: str, labels: LabelSet = LABELS, *, images_root: Path | None = None
) -> Projects:
    """Return the projects of the workspace called `name`, without pictures unless told otherwise."""
    return ensure_projects(server.url, server.token, name=name, labels=labels, images_root=images_root)


def asked(server: LabelStudioEndpoint, path: str, **body: object) -> Any:
    """Return the server's reply to a GET, or to a POST of `body`."""
    method, headers = "POST" if body else "GET", {"Authorization": f"Token {server.token}"}
    reply = httpx.request(method, server.url + path, json=body or None, headers=headers, trust_env=False)
    return reply.raise_for_status().json()


def titled(server: LabelStudioEndpoint, title: str) -> list[int]:
    """Return the ids of the projects called exactly `title`."""
    found = asked(server, "/api/projects/?page_size=1000&include=id,title")["results"]
    return [one["id"] for one in found if one["title"] == title]


def test_projects_are_made_once_and_found_again(server: LabelStudioEndpoint, name: str) -> None:
    """The same name leads to the same three projects; a longer name has others."""
    first, longer, again = ensured(server, name), ensured(server, f"{name}-b"), ensured(server, name)

    assert first == again
    assert len({*first, *longer}) == 6
    titles = [f"goldloop {name}", f"goldloop {name} adjudication", f"goldloop {name} onboarding"]
    assert [titled(server, title) for title in titles] == [[one] for one in first]


def test_long_names_that_begin_alike_have_their_own_projects(server: LabelStudioEndpoint, name: str) -> None:
    """A name that leaves no room for the longest title is cut in it, and still names nobody else's."""
    long = f"{name}-{'x' * 40}"[:40]
    other = f"{long[:-1]}y"

    mine, theirs = ensured(server, long), ensured(server, other)

    assert len({*mine, *theirs}) == 6
    assert (ensured(server, long), ensured(server, other)) == (mine, theirs)
    assert titled(server, f"goldloop {long}") == [mine.main]


def test_two_creators_end_with_the_same_projects(server: LabelStudioEndpoint, name: str) -> None:
    """Whoever is second takes the older projects and puts its own aside, and the server stays whole."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ensured(server, name), range(4)))

    assert len(set(found)) == 1
    assert titled(server, f"goldloop {name}") == [found[0].main]
    assert titled(server, f"goldloop {name} onboarding") == [found[0].onboarding]
    person = add_annotator(server.url, server.token, email=f"{name}@race.example", password="race-password")
    assert person.token  # given by a signal that deleting projects at once would have switched off


def test_settings_follow(server: LabelStudioEndpoint, name: str) -> None:
    """Labels are brought up to date; order, requeueing and suggestions are as needed."""
    projects = ensured(server, name)

    ensured(server, name, LabelSet.of(["cat", "dog", "emu"]))

    for project_id in projects:
        project = asked(server, f"/api/projects/{project_id}/")
        assert project["parsed_label_config"]["label"]["labels"] == ["cat", "dog", "emu"]
        assert project["sampling"] == "Sequential sampling"
        assert project["skip_queue"] == "REQUEUE_FOR_OTHERS"
        assert project["show_collab_predictions"] is True
        assert "emu" in project["expert_instruction"]


WORDS = (
    "hat, cap",
    "[/] [red]x[/red]",
    ":x:",
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    "hat\N{NO-BREAK SPACE}cap",
    "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{FIRE ENGINE}",
    "A",
    "a",
    "<b>&amp;</b>",
    "a|b",
    "$hint",
)


def test_labels_are_words_of_the_world(server: LabelStudioEndpoint, name: str) -> None:
    """Each label is offered by the server and read back from an answer as it is, accents in either form."""
    labels = LabelSet.of(WORDS)
    projects = ensured(server, name, labels)
    queue = LabelStudioQueue(server.url, server.token, projects, labels)
    tasks = [NewTask(SampleId(f"{n:064x}"), Purpose.AUDIT, BatchId("b"), "a.png") for n in range(len(WORDS))]
    for task_id, label in zip(queue.push(tasks).values(), WORDS, strict=True):
        given = choice_result(unicodedata.normalize("NFD", label))
        asked(server, f"/api/tasks/{task_id}/annotations/", result=given)

    states = [state for page in queue.changed_since(None) for state in page]

    read = {state.key: state.annotations[0].label for state in states}
    assert read == {task.key: label for task, label in zip(tasks, WORDS, strict=True)}
    assert ensured(server, name, labels) == projects
    offered = asked(server, f"/api/projects/{projects.main}/")["parsed_label_config"]["label"]["labels"]
    assert set(WORDS) == set(offered)


def test_reordered_labels_keep_the_project_and_its_answers(server: LabelStudioEndpoint, name: str) -> None:
    """The screen offers the labels in the new order; an answer from before is read as what it was."""
    queue = LabelStudioQueue(server.url, server.token, ensured(server, name), LABELS)
    (task_id,) = queue.push([NewTask(SampleId("0" * 64), Purpose.AUDIT, BatchId("b"), "a.png")]).values()
    asked(server, f"/api/tasks/{task_id}/annotations/", result=choice_result("dog"))

    swapped = LabelSet.of(["dog", "cat"])
    projects = ensured(server, name, swapped)

    ((state,),) = LabelStudioQueue(server.url, server.token, projects, swapped).changed_since(None)
    assert [one.label for one in state.annotations] == ["dog"]
    config = asked(server, f"/api/projects/{projects.main}/")["parsed_label_config"]
    assert config["label"]["labels"] == ["dog", "cat"]


def test_new_settings_leave_what_was_asked_alone(server: LabelStudioEndpoint, name: str) -> None:
    """A task that is to be answered by three people still is when the label set has grown."""
    queue = LabelStudioQueue(server.url, server.token, ensured(server, name), LABELS)
    task = NewTask(SampleId("0" * 64), Purpose.AUDIT, BatchId("b"), "a.png")
    (task_id,) = queue.push([task]).values()
    asked(server, f"/api/tasks/{task_id}/annotations/", result=choice_result("dog"))
    queue.ask({task_id: 3})

    ensured(server, name, LabelSet.of(["cat", "dog", "emu"]))

    state = asked(server, f"/api/tasks/{task_id}/")
    assert (state["overlap"], state["is_labeled"]) == (3, False)


def test_a_project_of_an_older_interface_gets_the_new_one(server: LabelStudioEndpoint, name: str) -> None:
    """Controls are added to a project that has annotations, and those stay readable."""
    old = (
        '<View><Image name="image" value="$image"/><Text name="hint" value="$hint"/>'
        '<Choices name="label" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices></View>'
    )
    project_id = asked(
        server, "/api/projects/", title=f"goldloop {name}", label_config=old, maximum_annotations=1
    )["id"]
    data = {"image": "a.png", "hint": "", "key": f"{'0' * 64}:audit", "batch": "b"}
    task_id = asked(server, "/api/tasks/", project=project_id, data=data)["id"]
    asked(server, f"/api/tasks/{task_id}/annotations/", result=choice_result("dog"))

    older = Identity(id=name, handle=name, root="", adopts_unmarked=True)
    projects = ensure_projects(
        server.url, server.token, name=name, labels=LABELS, images_root=None, identity=older
    )

    queue = LabelStudioQueue(server.url, server.token, projects, LABELS)
    assert projects.main == project_id
    config = asked(server, f"/api/projects/{project_id}/")["parsed_label_config"]
    assert set(config) > {"label"}
    ((state,),) = queue.changed_since(None)
    assert [one.label for one in state.annotations] == ["dog"]


def test_tiny_pictures_change_the_interface(server: LabelStudioEndpoint, name: str, tmp_path: Path) -> None:
    """Once the store holds tiny pictures, the interface keeps their pixels."""
    assert server.files_root is not None
    images_root = Path(server.files_root) / "images" / name
    images_root.mkdir(parents=True)
    project_id = ensured(server, name, images_root=images_root).main
    before = asked(server, f"/api/projects/{project_id}/")["label_config"]

    Image.new("RGB", (32, 32)).save(images_root / "a.png")
    ensured(server, name, images_root=images_root)

    after = asked(server, f"/api/projects/{project_id}/")["label_config"]
    assert ('smoothing="true"' in before, 'smoothing="false"' in after) == (True, True)
    assert len(asked(server, f"/api/storages/localfiles?project={project_id}")) == 1


def test_a_folder_the_server_may_not_serve_is_refused(server: LabelStudioEndpoint, name: str) -> None:
    """A content store outside the document root is an error that names it."""
    with pytest.raises(
        ServiceError, match="serve /etc, a folder it must have below its LOCAL_FILES_DOCUMENT_ROOT"
    ):
        ensured(server, name, images_root=Path("/etc"))


@pytest.mark.parametrize("purpose", [Purpose.AUDIT, Purpose.ADJUDICATION, Purpose.ONBOARDING])
def test_a_label_in_use_cannot_be_removed(server: LabelStudioEndpoint, name: str, purpose: Purpose) -> None:
    """Labels that people have used stay, wherever they did; one that nobody used may go."""
    projects = ensured(server, name, LabelSet.of(["cat", "dog", "emu"]))
    queue = LabelStudioQueue(server.url, server.token, projects, LABELS)
    task = NewTask(SampleId("0" * 64), purpose, BatchId("b"), "a.png")
    (task_id,) = queue.push([task]).values()
    asked(server, f"/api/tasks/{task_id}/annotations/", result=choice_result("dog"))

    with pytest.raises(LabelError, match=r"labels \['dog'\] are gone .* put them back"):
        ensured(server, name, LabelSet.of(["cat", "emu"]))
    ensured(server, name, LabelSet.of(["cat", "dog"]))

    for project_id in projects:
        project = asked(server, f"/api/projects/{project_id}/")
        assert project["parsed_label_config"]["label"]["labels"] == ["cat", "dog"]


def test_an_annotator_is_a_real_account(server: LabelStudioEndpoint) -> None:
    """The account has its own token and hotkeys; adding it again returns the same one."""
    email, password = "Ann@project.example", "ann-password"

    person = add_annotator(server.url, server.token, email=email, password=password, first_name="Ann")

    me = httpx.get(
        f"{server.url}/api/current-user/whoami",
        headers={"Authorization": f"Token {person.token}"},
        trust_env=False,
    ).json()
    assert (str(me["id"]), me["first_name"]) == (person.user_id, "Ann")
    assert me["custom_hotkeys"]["annotation:annotation:submit"]["key"] == "enter"
    assert person.token not in repr(person)
    assert add_annotator(server.url, server.token, email=email, password=password) == person
    with pytest.raises(ServiceError, match=r"refused Ann@project\.example with this password"):
        add_annotator(server.url, server.token, email=email, password="another-password")


def test_a_personal_access_token_is_as_good_as_a_legacy_one(server: LabelStudioEndpoint, name: str) -> None:
    """With a personal access token, goldloop's account makes the projects and sees their tasks."""
    headers = {"Authorization": f"Token {server.token}"}
    reply = httpx.post(f"{server.url}/api/token/", headers=headers, trust_env=False)
    personal = reply.raise_for_status().json()["token"]

    projects = ensure_projects(server.url, personal, name=name, labels=LABELS, images_root=None)

    assert projects == ensured(server, name)
    queue = LabelStudioQueue(server.url, personal, projects, LABELS)
    assert queue.counts().n_tasks == 0
    with pytest.raises(ServiceAuthError, match=r"answered 401.*check that the token"):
        ensure_projects(server.url, f"{personal}x", name=name, labels=LABELS, images_root=None)
