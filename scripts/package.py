"""Build sdist and wheel and try the wheel in a clean environment; run: python -m scripts.package --help.

The wheel is built from the unpacked sdist, as pip does where there is no wheel, so what the sdist lacks is
missing here too. Without `--whole` the environment holds the wheel alone, beside the libraries of this one;
with it, everything is installed as a user's pip does, for each Python that is named.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from goldloop.core.version import VERSION

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("goldloop", "models", "flows", "labelstudio_config")
_TRIAL = """
import importlib.metadata, pathlib, sys
import goldloop, models, flows, labelstudio_config
from goldloop.reports.page import save_page
from labelstudio_config.interface import interface
from goldloop.core.labels import LabelSet
here = pathlib.Path(sys.prefix).resolve()
for package in (goldloop, models, flows, labelstudio_config):
    assert here in pathlib.Path(package.__file__).resolve().parents, package.__file__
assert importlib.metadata.version("goldloop") == goldloop.__version__, goldloop.__version__
assert "Choices" in interface(LabelSet.of(["a", "b"]))
print(goldloop.__version__)
"""


def run(command: Sequence[str | Path], **options: object) -> str:
    """Run a command and return what it printed; end with its output where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def build(folder: Path) -> tuple[Path, Path]:
    """Build the sdist into `folder`, and the wheel from the unpacked sdist; return both."""
    run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder], cwd=ROOT)
    sdist = folder / f"goldloop-{VERSION}.tar.gz"
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(sdist) as archive:
            archive.extractall(scratch, filter="data")
        unpacked = Path(scratch) / f"goldloop-{VERSION}"
        run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=unpacked)
    return sdist, folder / f"goldloop-{VERSION}-py3-none-any.whl"


def missing_from(wheel: Path) -> list[str]:
    """Return the files of the packages, as git knows them, that `wheel` lacks."""
    known = run(["git", "ls-files", *PACKAGES], cwd=ROOT).splitlines()
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    return sorted(set(known) - held)


def try_in(folder: Path, wheel: Path, *, python: str, is_whole: bool) -> str:
    """Install `wheel` into a new environment of `python` in `folder`, and use it; return its version."""
    uv = [sys.executable, "-m", "uv"]
    run([*uv, "venv", "--quiet", "--python", python, folder])
    program = folder / "bin" / "python"
    install = [*uv, "pip", "install", "--quiet", "--python", program]
    if is_whole:
        run([*install, wheel])
    else:
        run([*install, "--offline", "--no-deps", wheel])
        site = next(folder.glob("lib/python*/site-packages"))
        libraries = sysconfig.get_paths()["purelib"]
        (site / "libraries.pth").write_text(libraries + "\n", encoding="utf-8")
    version = run([program, "-I", "-c", _TRIAL]).strip()
    command, workspace = folder / "bin" / "goldloop", folder / "workspace"
    assert run([command, "--version"]).strip() == f"goldloop {version}"
    run([command, "init", workspace, "--kind", "text", "--labels", "fine,spam"])
    return version


def main() -> None:
    """Build, compare and try; print what was done."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="folder of the files [default: dist]")
    parser.add_argument("--python", action="append", help="a Python to try the wheel on; may be repeated")
    parser.add_argument("--whole", action="store_true", help="install everything that goldloop needs")
    options = parser.parse_args()
    sdist, wheel = build(options.to.absolute())
    print(f"{sdist.name}: {sdist.stat().st_size:,} bytes; {wheel.name}: {wheel.stat().st_size:,} bytes")
    if missing := missing_from(wheel):
        sys.exit(f"the wheel lacks {', '.join(missing)}")
    for python in options.python or [sys.executable]:
        with tempfile.TemporaryDirectory() as scratch:
            version = try_in(Path(scratch) / "clean", wheel, python=python, is_whole=options.whole)
        print(f"goldloop {version} works in a clean environment of {python}")


if __name__ == "__main__":
    main()
