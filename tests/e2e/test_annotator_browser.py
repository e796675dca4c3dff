"""An annotator at work: a real browser on a real Label Studio, one task answered by keyboard alone."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import Endpoints
from goldloop.settings.workspace import Workspace
from tests.e2e.desk import Desk, seated

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]

LABELS = LabelSet.of(["cat", "dog", "temple", "<b>R&D</b>"])
_numbers = count(1)


@pytest.fixture
def pictures(services_workspace: Workspace) -> dict[str, str]:
    """Paths, relative to the content store, of a tiny picture and of a photograph."""
    folder = services_workspace.images / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    digit = Image.fromarray((load_digits().images[4] * 15).astype("uint8")).resize((32, 32))
    digit.save(folder / "tiny.png")
    Image.fromarray(load_sample_image("china.jpg")).crop((120, 0, 441, 427)).save(folder / "photo.jpg")
    return {"tiny": "browser/tiny.png", "photo": "browser/photo.jpg"}


@pytest.fixture
def desk(services: Endpoints, browser: WebDriver, tmp_path: Path) -> Desk:
    """An annotator who has just logged in, in front of an empty project."""
    name = f"browser-{next(_numbers)}"
    return seated(
        services.label_studio, browser, tmp_path, name=name, labels=LABELS, email="eve@browser.example"
    )


def task(number: int, path: str, *, is_blind: bool = False) -> NewTask:
    """Return a task about the picture at `path`; suggested is a label that needs escaping."""
    sample_id, batch = SampleId(f"{number:064x}"), BatchId("browser")
    if is_blind:
        return NewTask(sample_id, Purpose.AUDIT, batch, path)
    suggestion = Suggestion("<b>R&D</b>", 0.58, "3", "Model suggests: <b>R&D</b> 58% (dog 30%)")
    return NewTask(sample_id, Purpose.REVIEW, batch, path, suggestion)


def test_one_key_accepts_and_two_correct(desk: Desk, pictures: dict[str, str]) -> None:
    """Enter accepts the suggestion; a key and Enter correct it; both arrive as this person's answers."""
    from selenium.webdriver.common.keys import Keys

    first, second = task(1, pictures["photo"]), task(2, pictures["photo"])
    ids = desk.queue.push([first, second])
    desk.open()

    assert desk.shown() == "Model suggests: <b>R&D</b> 58% (dog 30%)"
    desk.wait_for("the suggestion chosen", lambda: desk.chosen() == ["<b>R&D</b>"])
    desk.shoot("suggestion")
    desk.press(Keys.ENTER)
    desk.wait_for("the second task", lambda: desk.shown_task() == ids[second.key])
    desk.wait_for("the suggestion chosen again", lambda: desk.chosen() == ["<b>R&D</b>"])
    desk.press("2")
    desk.wait_for("the correction chosen", lambda: desk.chosen() == ["dog"])
    desk.shoot("correction")
    desk.press(Keys.ENTER)
    desk.wait_for("the answer on the server", lambda: desk.answers(second.key))

    (accepted,), (corrected,) = desk.answers(first.key), desk.answers(second.key)
    assert (accepted.label, accepted.annotator, accepted.is_skip) == ("<b>R&D</b>", desk.user_id, False)
    assert (corrected.label, corrected.annotator, corrected.shown_label) == (
        "dog",
        desk.user_id,
        "<b>R&D</b>",
    )
    assert corrected.lead_time_s is not None
    assert corrected.lead_time_s > 0


def test_a_blind_task_shows_no_suggestion_and_can_be_skipped(desk: Desk, pictures: dict[str, str]) -> None:
    """Nothing is chosen and nothing suggested, Enter alone submits nothing, S skips."""
    from selenium.webdriver.common.keys import Keys

    blind, after = task(1, pictures["photo"], is_blind=True), task(2, pictures["photo"])
    ids = desk.queue.push([blind, after])
    desk.open()

    assert desk.shown() == ""
    assert desk.chosen() == []
    desk.shoot("blind")
    desk.press(Keys.ENTER)
    desk.one(".ant-modal-confirm-body, .lsf-modal-ls__body")  # "Choose a label first, or press S to skip."
    assert desk.answers(blind.key) == []
    desk.press(Keys.ESCAPE)
    desk.browser.refresh()
    desk.picture()
    desk.press("s")
    desk.wait_for("the next task", lambda: desk.shown_task() == ids[after.key])

    (skip,) = desk.answers(blind.key)
    assert (skip.is_skip, skip.label, skip.annotator) == (True, None, desk.user_id)
    assert (skip.shown_label, skip.shown_score) == (None, None)


def test_enter_closes_the_instructions_and_submits_nothing(desk: Desk, pictures: dict[str, str]) -> None:
    """Somebody who reads the instructions does not accept a suggestion by closing them."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    one = task(1, pictures["photo"])
    ids = desk.queue.push([one, task(2, pictures["photo"])])
    desk.open()
    desk.wait_for("the suggestion chosen", lambda: desk.chosen() == ["<b>R&D</b>"])
    dialog = ".lsf-modal-ls__body"

    desk.browser.find_element(By.XPATH, "//button[.='Instructions']").click()
    words = "choose the one label that fits"
    desk.wait_for("the instructions", lambda: words in desk.text(dialog))
    desk.press(Keys.ENTER)
    desk.wait_for("the dialog gone", lambda: not desk.browser.find_elements(By.CSS_SELECTOR, dialog))

    assert desk.shown_task() == ids[one.key]
    assert desk.answers(one.key) == []


@pytest.mark.parametrize("name", ["tiny", "photo"])
def test_the_picture_is_large_and_fits_the_window(desk: Desk, pictures: dict[str, str], name: str) -> None:
    """A tiny picture is enlarged, a photograph is at least its own size, and neither needs scrolling."""
    desk.queue.push([task(1, pictures[name])])
    desk.open()

    seen = desk.picture()
    desk.shoot(f"picture-{name}")

    assert seen["shown_height"] >= max(400, seen["height"])
    assert seen["shown_width"] / seen["shown_height"] == pytest.approx(
        seen["width"] / seen["height"], rel=0.02
    )
    assert seen["bottom"] <= seen["window"]


def test_pictures_outside_the_content_store_are_not_served(
    desk: Desk, services_workspace: Workspace, pictures: dict[str, str]
) -> None:
    """Someone who is logged in sees the store's pictures and no other file, someone who is not sees none."""
    import httpx

    cookies = {one["name"]: one["value"] for one in desk.browser.get_cookies()}
    (services_workspace.root / "private.txt").write_text("secret content")
    outside = [
        "images/../private.txt",
        "images/../../private.txt",
        "images/../../../../private.txt",
        str(services_workspace.root / "private.txt"),
        "private.txt",
        str(services_workspace.secrets_file),
        "../../secrets.json",
        "images/../../secrets.json",
        "..%2f..%2fsecrets.json",
    ]
    with httpx.Client(base_url=desk.url, cookies=cookies, trust_env=False) as http:
        shown = http.get("/data/local-files/", params={"d": f"images/{pictures['tiny']}"})
        refused = [http.get("/data/local-files/", params={"d": path}) for path in outside]
    anonymous = httpx.get(
        f"{desk.url}/data/local-files/", params={"d": f"images/{pictures['tiny']}"}, trust_env=False
    )

    assert shown.content == (services_workspace.images / pictures["tiny"]).read_bytes()
    assert [reply.status_code >= 400 and b"secret content" not in reply.content for reply in refused] == [
        True
    ] * 9
    assert anonymous.status_code in {401, 403}
