"""Pictures in an object store: what annotators see is copied there, and only a real place is a setting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from goldloop.adapters.object_content import ObjectContent
from goldloop.core.errors import ServiceError, ServiceUnreachableError
from goldloop.settings import Settings
from goldloop.settings.content import ContentSettings
from tests.objects import BUCKET, object_store

BASE = f"s3://{BUCKET}/shop"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield the client of an empty bucket."""
    with object_store(monkeypatch) as client:
        yield client


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Return a content store with three files."""
    for name in ("ab/1.png", "ab/2.jpg", "display/cd/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def keys(store: Any) -> dict[str, bytes]:
    """Return what the bucket holds."""
    found = store.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {one["Key"]: store.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found}


def test_what_tasks_show_is_copied_under_its_link(store: Any, images: Path) -> None:
    """Those files and no others, with their type; a link names the copy."""
    content = ObjectContent(BASE, images)
    content.publish(["ab/1.png", "display/cd/3.png"])

    assert keys(store) == {"shop/ab/1.png": b"ab/1.png", "shop/display/cd/3.png": b"display/cd/3.png"}
    assert content.link("ab/1.png") == f"{BASE}/ab/1.png"
    assert store.head_object(Bucket=BUCKET, Key="shop/ab/1.png")["ContentType"] == "image/png"


def test_one_process_copies_a_picture_once(store: Any, images: Path) -> None:
    """A sample that is asked about again costs no request; another process copies it again."""
    content = ObjectContent(BASE, images)
    content.publish(["ab/1.png"])
    store.delete_object(Bucket=BUCKET, Key="shop/ab/1.png")
    content.publish(["ab/1.png"])
    assert keys(store) == {}
    ObjectContent(BASE, images).publish(["ab/1.png"])
    assert set(keys(store)) == {"shop/ab/1.png"}


def test_a_picture_that_is_gone_and_a_bucket_that_is_not_there_are_told(store: Any, images: Path) -> None:
    """The error names the setting, the place and the step, and what failed is copied next time."""
    content = ObjectContent(BASE, images)
    with pytest.raises(ServiceError, match=rf"cannot copy 1 pictures to {BASE} \(content.base\).*restore"):
        content.publish(["ab/gone.png"])
    (images / "ab" / "gone.png").write_bytes(b"back")
    content.publish(["ab/gone.png"])
    assert set(keys(store)) == {"shop/ab/gone.png"}
    with pytest.raises(ServiceError, match="make the bucket"):
        ObjectContent("s3://nobody-made-it/shop", images).publish(["ab/1.png"])


def test_a_store_that_does_not_answer_may_be_asked_again(
    store: Any, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduled push repeats after this error."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(ServiceUnreachableError, match="check AWS_ENDPOINT_URL"):
        ObjectContent(BASE, images).publish(["ab/1.png"])


@pytest.mark.parametrize(
    ("base", "bucket"),
    [("s3://content", "content"), ("s3://content/shop/", "content"), ("s3://my.own-1/a/b_c=1", "my.own-1")],
)
def test_a_place_is_a_bucket_and_a_prefix(base: str, bucket: str) -> None:
    """A slash at the end means nothing."""
    settings = ContentSettings(base=base)
    assert (settings.bucket, settings.base) == (bucket, base.rstrip("/"))
    assert ContentSettings().bucket is None


@pytest.mark.parametrize("base", ["content/shop", "s3://", "s3://A/shop", "s3://content/a b", "https://x/y"])
def test_any_other_address_is_refused(base: str) -> None:
    """The error shows one that is right."""
    with pytest.raises(ValidationError, match="s3://content/shop"):
        ContentSettings(base=base)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "name it as services.label_studio_url"),
        ({"kind": "text", "services": {"label_studio_url": "https://labels.example.com"}}, "remove it"),
    ],
)
def test_a_place_is_for_pictures_on_a_server_elsewhere(given: dict[str, Any], message: str) -> None:
    """The embedded Label Studio reads the folder, and a text is in its task."""
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate({"name": "shop", "labels": ["a", "b"], "content": {"base": BASE}, **given})
