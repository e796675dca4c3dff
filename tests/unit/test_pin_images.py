"""scripts/pin-images, as far as it can be judged without Docker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
IS_PINNED = re.compile(r":v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$")


def test_the_script_pins_every_foreign_image_to_its_digest(tmp_path: Path) -> None:
    """Twice gives the same files; ours, which are built here, keep their tags alone."""
    for name in ("docker-compose.yml", "Dockerfile", "scripts/pin-images"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    docker = tmp_path / "docker"  # answers for the registry, which no test can reach
    docker.write_text('#!/bin/sh\necho "sha256:$(echo "$4" | sha256sum | cut -c1-64)"\n')
    docker.chmod(0o755)

    pinned = []
    for _ in range(2):
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        subprocess.run([tmp_path / "scripts/pin-images"], env=environment, check=True, capture_output=True)
        compose, dockerfile = ((tmp_path / name).read_text() for name in ("docker-compose.yml", "Dockerfile"))
        pinned.append((compose, dockerfile))

    assert pinned[0] == pinned[1]
    images = {one["image"] for one in yaml.safe_load(pinned[0][0])["services"].values()}
    images |= set(re.findall(r"^FROM (\S+)", pinned[0][1], flags=re.MULTILINE))
    assert len(images) > 8
    assert all(IS_PINNED.search(image) for image in images)
    assert {image for image in images if "@sha256:" not in image} == {
        image for image in images if image.startswith("goldloop/")
    }
