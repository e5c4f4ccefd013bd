"""An exported folder on the Hugging Face hub, and back."""

from __future__ import annotations

from pathlib import Path

from precompute.export.bank import SETTINGS
from precompute.export.folder import CARD, fresh

_MISSING = (
    "the hub is reached through the package huggingface_hub, which is not installed; "
    "pip install huggingface_hub"
)


def push(folder: Path, repository: str, *, public: bool = False) -> str:
    """Uploads the folder into a repository, which is made private unless it is there or `public`.

    An exported bank becomes a model, everything else a data set. Returns its address. Raises
    ValueError for a folder without a card, a name that is no OWNER/NAME, and what the hub answers.
    """
    if not (folder / CARD).is_file():
        raise ValueError(
            f"{folder} is no exported folder: it has no {CARD}; the command export makes one"
        )
    _named(repository)
    kind = "model" if (folder / SETTINGS).is_file() else "dataset"
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise ValueError(_MISSING) from error
    api = HfApi()
    try:
        where = api.create_repo(repository, repo_type=kind, private=not public, exist_ok=True)
        api.upload_folder(folder_path=str(folder), repo_id=repository, repo_type=kind)
    except OSError as error:
        raise ValueError(_answer("push to", repository, error)) from error
    return str(where)


def pull(repository: str, to: Path, *, dataset: bool = False) -> Path:
    """Fetches a repository into the new folder `to`. Raises ValueError as `push` does."""
    _named(repository)
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ValueError(_MISSING) from error
    folder = fresh(to)
    kind = "dataset" if dataset else "model"
    try:
        snapshot_download(repository, repo_type=kind, local_dir=str(folder))
    except OSError as error:
        raise ValueError(_answer("pull", repository, error)) from error
    return folder


def _named(repository: str) -> None:
    owner, slash, name = repository.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise ValueError(f"a repository of the hub is OWNER/NAME, not {repository!r}")


def _answer(what: str, repository: str, error: OSError) -> str:
    reason = str(error).strip().split("\n", maxsplit=1)[0]
    return f"could not {what} {repository}: {reason}; `hf auth login` signs in"
