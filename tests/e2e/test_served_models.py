"""A registered champion, served by MLflow without goldloop, answers the commands of the README."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import sklearn

from goldloop.core.samples import Decoded, SampleId
from goldloop.loop.predict import predict
from goldloop.services import Endpoints
from tests.coloured import COLOURS, coloured
from tests.e2e.commands import Loop
from tests.e2e.crowned import crown
from tests.e2e.outside import environment_without_goldloop, has_goldloop, served
from tests.payments import SECTION, made_payments
from tests.texts import write_json
from tests.topics import TOPICS, sentences

pytestmark = pytest.mark.servers

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PHOTOGRAPH = Path(sklearn.__file__).parent / "datasets" / "images" / "china.jpg"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of an environment in which `import goldloop` fails."""
    if shutil.which("curl") is None:
        pytest.skip("no curl on the PATH")
    programs = environment_without_goldloop(tmp_path_factory.mktemp("outside") / "venv")
    assert not has_goldloop(programs)
    return programs


def command_of(column: str) -> tuple[str, str]:
    """Return the README's command that sends a row with `column`, and the server's address in it."""
    blocks = re.findall(r"^```bash\n(.*?)^```", README, flags=re.M | re.S)
    (block,) = (one for one in blocks if "mlflow models serve" in one)
    (command,) = (one for one in block.split("\n\n") if f'"{column}"' in one)
    (address,) = set(re.findall(r"http://[\w.:]+", command))
    return command, address


def asked(column: str, address: str, folder: Path) -> tuple[Any, Any]:
    """Return the row that the README's command for `column` sends, and the answer from `address`."""
    command, of_readme = command_of(column)
    shutil.copy(PHOTOGRAPH, folder / "picture.jpg")
    ended = subprocess.run(
        ["bash", "-c", command.replace(of_readme, address)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    (answer,) = json.loads(ended.stdout)["predictions"]
    sent = re.search(r"'(\{.*\})'", command, flags=re.S)
    (row,) = json.loads(sent[1])["dataframe_records"] if sent else [None]
    return row, answer


def check(loop: Loop, source: Path, answer: dict[str, Any]) -> None:
    """Check that `answer` is what `goldloop predict` says of `source`, and that it was not recorded."""
    (told,) = predict(loop.parts.ports, [str(source)]).of_samples
    expected = asdict(told)
    assert set(answer) == {"label", "confidence", "probabilities"}
    assert answer["label"] == expected["label"]
    assert answer["confidence"] == pytest.approx(expected["confidence"], abs=2e-6)
    assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=2e-6)


def uri_of(loop: Loop) -> str:
    """Return the address by which others know the champion of a workspace."""
    return f"models:/{loop.parts.registry.name}@champion"


def test_a_jpeg_is_answered(
    make_loop: Callable[..., Loop], services: Endpoints, programs: Path, tmp_path: Path
) -> None:
    """As `goldloop predict` answers the file; bytes that are no picture have a problem beside it."""
    import httpx

    loop = make_loop("served-images", labels=list(COLOURS.names))
    crown(loop, *coloured(60))

    with served(programs, uri_of(loop), services.mlflow.url, tmp_path) as address:
        _, answer = asked("image", address, tmp_path)
        rows = {"dataframe_records": [{"image": "bm8gcGljdHVyZQ=="}]}
        bad = httpx.post(f"{address}/invocations", json=rows, trust_env=False, timeout=60).json()

    check(loop, tmp_path / "picture.jpg", answer)
    assert bad == {"predictions": [{"problem": "it is text"}]}


def test_a_text_is_answered(
    make_loop: Callable[..., Loop], services: Endpoints, programs: Path, tmp_path: Path
) -> None:
    """As `goldloop predict` answers a row of a file."""
    loop = make_loop("served-texts", kind="text", labels=list(TOPICS.names), model={"preset": "words"})
    texts = {SampleId(f"{n}"): pair for n, pair in enumerate(sentences(90))}
    crown(
        loop,
        [(key, TOPICS.column(label)) for key, (_, label) in texts.items()],
        lambda key: Decoded(texts[key][0]),
    )

    with served(programs, uri_of(loop), services.mlflow.url, tmp_path) as address:
        row, answer = asked("text", address, tmp_path)

    check(loop, write_json(tmp_path / "asked.jsonl", {"id": "1", **row}), answer)


def test_a_record_is_answered(
    make_loop: Callable[..., Loop], services: Endpoints, programs: Path, tmp_path: Path
) -> None:
    """Fields may be missing, and a flag is JSON's own."""
    labels = ["genuine", "fraud", "dispute"]
    loop = make_loop(
        "served-records", kind="records", labels=labels, records=SECTION, model={"preset": "lightgbm"}
    )
    made = made_payments(200)
    source = write_json(tmp_path / "payments.jsonl", *(row for row, _ in made))
    arrivals = list(loop.parts.modality.reader.cases(str(source)))
    known = {one.sample_id: one.decoded for one in arrivals if one.decoded}
    columns = [labels.index(label) for _, label in made]
    crown(loop, list(zip(known, columns, strict=True)), known.__getitem__)

    with served(programs, uri_of(loop), services.mlflow.url, tmp_path) as address:
        row, answer = asked("amount", address, tmp_path)

    assert row["is_new_device"] is True
    check(loop, write_json(tmp_path / "asked.jsonl", {"id": "1", **row}), answer)
