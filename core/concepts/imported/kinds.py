"""Which kind of bank a file or folder from elsewhere is, told by what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, get_args

from core.concepts.imported import bottleneck
from core.concepts.imported.foreign import Asked
from core.concepts.imported.opening import settings
from core.concepts.imported.recognised import read
from core.kinds import Pool


class Kind(NamedTuple):
    method: str
    """key of `core.concepts.METHODS`"""
    reconstructs: bool
    reads_classes: bool
    """whether it learned a read-out of classes"""
    pool: str = ""
    """what an image's score is read from (`core.kinds.Pool`), as a folder that this program wrote
    says; "": it does not"""


def kind_of(path: Path, *, rule: str = "", top_k: int = 0) -> Kind:
    """`rule` and `top_k` say what a file of an autoencoder does not.

    Raises ValueError naming the file and what is wrong with it.
    """
    if bottleneck.is_label_free(path) or bottleneck.opens(path):
        return Kind("imported_cbm", False, bottleneck.has_readout(path))
    foreign = read(path, Asked(rule, top_k))
    reconstructs = foreign.rule != "projection"
    return Kind("imported_sae", reconstructs, foreign.readout is not None, _pool(path))


def _pool(path: Path) -> str:
    beside = (path if path.is_dir() else path.parent) / "cfg.json"
    if not beside.is_file():
        return ""
    said = (settings(beside).get("metadata") or {}).get("pool")
    return str(said) if said in get_args(Pool) else ""
