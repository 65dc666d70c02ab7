"""The recorded webhook bodies of tests/vectors/webhooks."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "vectors" / "webhooks"
RECORDED = {path.stem: path.read_bytes().rstrip(b"\n") for path in sorted(FOLDER.glob("*.json"))}
