"""Run examples and keep their pictures: `make_gallery.py [NAME ...]`, all by default.

A script is run in an empty folder, a configuration by `flowmc run`; the PNG files that
are there afterwards go to `docs/gallery` as NAME.png, NAME-2.png, with few colours.
"""

__all__ = ["main"]

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent)]

from common import HOME, MOST_BYTES, QUICK  # noqa: E402
from generated import command, examples  # noqa: E402
from PIL import Image  # noqa: E402

FOLDER = Path(
    os.environ.get("FLOWMC_FIGURES", HOME if QUICK else HERE.parent / "gallery")
)
MOST_PICTURES = 2
WIDTH = 900  # pixels
FLOWMC = "import sys; from flowmc.cli.main import main; sys.exit(main())"


def main(names: Sequence[str] = ()) -> list[Path]:
    """Run those examples, or all; return the pictures that were written."""
    chosen = [path for path in examples() if not names or path.stem in names]
    return [picture for script in chosen for picture in _pictures_of(script)]


def _pictures_of(script: Path) -> list[Path]:
    with tempfile.TemporaryDirectory() as folder:
        words = command(script).split()
        words = [str(ROOT / w) if w.startswith("examples/") else w for w in words]
        program = ["-c", FLOWMC] if words[0] == "flowmc" else []
        paths = os.environ.get("PYTHONPATH", "")
        environment = os.environ | {
            "MPLBACKEND": "agg",
            "PYTHONPATH": os.pathsep.join([str(ROOT), paths]),
        }
        subprocess.run(
            [sys.executable, *program, *words[1:]],
            cwd=folder,
            env=environment,
            check=True,
        )
        found = sorted(Path(folder).rglob("*.png"), key=_rank)[:MOST_PICTURES]
        return [_keep(path, script.stem, i) for i, path in enumerate(found)]


def _rank(path: Path) -> tuple[bool, str]:
    """Corners first: they show the posterior."""
    return "corner" not in path.name, path.name


def _keep(path: Path, name: str, index: int) -> Path:
    """Write a picture with as many colours and pixels as its size allows."""
    FOLDER.mkdir(exist_ok=True)
    kept = FOLDER / (f"{name}-{index + 1}.png" if index else f"{name}.png")
    with Image.open(path) as image:
        whole = image.convert("RGB")
    for width, colors in ((WIDTH, 64), (WIDTH, 16), (600, 16), (400, 8)):
        small = whole.copy()
        small.thumbnail((width, width), Image.Resampling.LANCZOS)
        small.quantize(colors=colors, dither=Image.Dither.NONE).save(
            kept, optimize=True
        )
        if kept.stat().st_size <= MOST_BYTES:
            break
    return kept


if __name__ == "__main__":
    main(sys.argv[1:])
