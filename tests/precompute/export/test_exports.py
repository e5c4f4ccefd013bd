"""What others open, written from one store and read again."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import huggingface_hub
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from safetensors.torch import load_file

from data import store
from precompute import __main__ as command
from precompute.export import (
    export_bank,
    export_fiftyone,
    export_images,
    export_tables,
    pull,
    push,
)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with store.open_readonly(path) as con:
        return con.execute(sql).fetchall()


def front(folder: Path) -> dict[str, Any]:
    """The card's front matter."""
    lines = (folder / "README.md").read_text(encoding="utf-8").split("---\n")[1].splitlines()
    return {key: json.loads(value) for key, _, value in (line.partition(": ") for line in lines)}


def test_a_bank_says_where_it_is_from_and_what_it_does(tiny_store: Path, tmp_path: Path) -> None:
    title, k, r2, l0 = rows(
        tiny_store,
        "SELECT name, n_concepts, value, l0 FROM bank JOIN quality USING (bank_id) "
        "WHERE measure = 'r2' ORDER BY bank_id",
    )[0]
    folder = export_bank(tiny_store, title, tmp_path / "out")
    cfg = json.loads((folder / "cfg.json").read_text())
    ((layer, width),) = rows(tiny_store, "SELECT layer, width FROM backbone")
    assert cfg["metadata"]["hook_name"] == layer
    assert cfg["metadata"]["fvu"] == pytest.approx(1 - r2)
    assert load_file(folder / "sae_weights.safetensors")["W_dec"].shape == (k, width)
    measured = {m["type"]: m["value"] for m in front(folder)["metrics"]}
    assert measured == {
        "l0": pytest.approx(l0, abs=1e-3),
        "explained_variance": pytest.approx(r2, abs=1e-5),
    }
    with pytest.raises(ValueError, match=r"is not empty; name a new folder"):
        export_bank(tiny_store, title, folder)
    with pytest.raises(ValueError, match=rf"no bank 'none'; its banks: .*{title}"):
        export_bank(tiny_store, "none", tmp_path / "other")


def test_every_table_is_a_file_with_its_comments(tiny_store: Path, tmp_path: Path) -> None:
    folder = export_tables(tiny_store, tmp_path / "tables")
    card = (folder / "README.md").read_text(encoding="utf-8")
    with store.open_readonly(tiny_store) as con:
        names = [n for (n,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        for name in names:
            expected = con.execute(f'SELECT * FROM "{name}" ORDER BY ALL').fetchall()
            file = folder / f"{name}.parquet"
            assert file.exists() == bool(expected)
            if expected:
                back = duckdb.sql(f"SELECT * FROM '{file.as_posix()}' ORDER BY ALL").fetchall()
                assert back == expected
                assert f"CREATE TABLE {name} " in card
    assert "model sees, as fractions of" in card
    assert {"config_name": "image", "data_files": "image.parquet"} in front(folder)["configs"]


def test_images_are_pictures_classes_and_scores(tiny_store: Path, tmp_path: Path) -> None:
    folder = export_images(tiny_store, tmp_path / "images")
    splits = [s for (s,) in rows(tiny_store, "SELECT DISTINCT split FROM image ORDER BY ALL")]
    assert sorted(p.stem for p in (folder / "data").iterdir()) == splits
    (bank_id, bank) = rows(tiny_store, "SELECT bank_id, name FROM bank ORDER BY bank_id")[0]
    for split in splits:
        table = pq.read_table(folder / "data" / f"{split}.parquet")
        told = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        assert list(told) == table.column_names
        assert told["image"] == {"_type": "Image"}
        first = table.to_pylist()[0]
        picture = Image.open(io.BytesIO(first["image"]["bytes"]))
        image_id, width, height, label = rows(
            tiny_store,
            "SELECT image_id, width, height, name FROM image LEFT JOIN class USING (class_id) "
            f"WHERE file = '{first['file']}'",
        )[0]
        assert picture.width / picture.height == pytest.approx(width / height, rel=0.1)
        assert first["label"] == (told["label"]["names"].index(label) if label else -1)
        known = dict(
            rows(
                tiny_store,
                f"SELECT concept_id, score FROM score WHERE bank_id = {bank_id} "
                f"AND image_id = {image_id}",
            )
        )
        scores = first[f"scores_{bank.replace(' ', '_')}"]
        assert scores == [pytest.approx(known.get(i, 0.0)) for i in range(len(scores))]
    described = {f["name"]: f for f in front(folder)["dataset_info"]["features"]}
    assert described["image"] == {"name": "image", "dtype": "image"}
    assert set(described["label"]["dtype"]["class_label"]["names"].values()) >= {"wren", "heron"}
    assert (folder / "concepts.csv").read_text().startswith("bank,concept_id,name\n")


def test_fiftyone_has_labels_and_heat_maps(tiny_store: Path, tmp_path: Path) -> None:
    folder = export_fiftyone(tiny_store, tmp_path / "fiftyone", concepts=2)
    facts = json.loads((folder / "metadata.json").read_text())
    assert facts["media_type"] == "image"
    assert "version" not in facts  # else FiftyOne takes it for a document of its data base
    samples = json.loads((folder / "samples.json").read_text())["samples"]
    assert len(samples) == rows(tiny_store, "SELECT count(*) FROM image")[0][0]
    bank_id, bank = rows(tiny_store, "SELECT bank_id, name FROM bank ORDER BY bank_id")[0]
    scores = {
        (name, concept, image): score
        for name, concept, image, score in rows(
            tiny_store,
            "SELECT name, concept_id, image_id, score FROM score JOIN bank USING (bank_id) "
            "WHERE NOT signed",
        )
    }
    means: dict[str, list[tuple[float, float]]] = {}
    for sample in samples:
        assert (folder / sample["filepath"]).is_file()
        assert sample["prediction"]["_cls"] == "Classification"
        assert 0 < sample["prediction"]["confidence"] <= 1
        for field, value in sample.items():
            if not field.startswith("map_"):
                continue
            picture = np.asarray(Image.open(folder / value["map_path"]))
            assert value == {"_cls": "Heatmap", "map_path": value["map_path"], "range": [0, 255]}
            assert picture.dtype == np.uint8
            _, name, concept, _ = field.split("_", 3)
            image = Path(sample["filepath"]).stem
            known = scores.get((name, int(concept), int(image)), 0.0)
            means.setdefault(field, []).append((known, float(picture.mean())))
    unsigned = [np.array(pairs) for pairs in means.values() if any(score for score, _ in pairs)]
    assert unsigned
    for pairs in unsigned:
        assert np.corrcoef(pairs.T)[0, 1] > 0.98
        assert pairs[pairs[:, 0] == 0, 1].sum() == 0
    listed = samples[0][f"concepts_{bank.replace(' ', '_')}"]["classifications"]
    image = int(Path(samples[0]["filepath"]).stem)
    ((best,),) = rows(
        tiny_store,
        f"SELECT max(score) FROM score WHERE bank_id = {bank_id} AND image_id = {image}",
    )
    assert listed[0]["confidence"] == pytest.approx(best)
    assert "fo.types.FiftyOneDataset" in (folder / "README.md").read_text()


class Hub:
    """A folder in place of the hub."""

    root: Path
    made: list[tuple[str, str, bool]]

    def create_repo(self, name: str, *, repo_type: str, private: bool, exist_ok: bool) -> str:
        assert exist_ok
        Hub.made.append((name, repo_type, private))
        return f"hub/{name}"

    def upload_folder(self, *, folder_path: str, repo_id: str, repo_type: str) -> None:
        shutil.copytree(folder_path, Hub.root / repo_type / repo_id)


def fetched(name: str, *, repo_type: str, local_dir: str) -> str:
    source = Hub.root / repo_type / name
    if not source.is_dir():
        raise OSError(f"404: {name} is not there\nmore")
    shutil.copytree(source, local_dir, dirs_exist_ok=True)
    return local_dir


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Hub]:
    Hub.root, Hub.made = tmp_path / "hub", []
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    return Hub


def test_a_folder_goes_to_the_hub_and_back(
    hub: type[Hub], tiny_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    title = rows(tiny_store, "SELECT name FROM bank ORDER BY bank_id")[0][0]
    bank = str(tmp_path / "bank")
    assert command.main(["export", str(tiny_store), "--bank", title, "--to", bank]) == 0
    assert command.main(["push", bank, "me/bank"]) == 0
    assert "hub/me/bank" in capsys.readouterr().out
    assert hub.made == [("me/bank", "model", True)]
    back = pull("me/bank", tmp_path / "back")
    for file in Path(bank).iterdir():
        assert (back / file.name).read_bytes() == file.read_bytes()
    tables = str(tmp_path / "tables")
    assert command.main(["export", str(tiny_store), "--as", "parquet", "--to", tables]) == 0
    push(Path(tables), "me/tables", public=True)
    assert hub.made[1] == ("me/tables", "dataset", False)
    there = str(tmp_path / "there")
    assert command.main(["pull", "me/tables", "--dataset", "--to", there]) == 0
    assert (Path(there) / "image.parquet").is_file()


@pytest.mark.parametrize(
    ("do", "says"),
    [
        (lambda p: push(p, "me/x"), "is no exported folder: it has no README.md"),
        (lambda p: pull("me", p / "a"), "a repository of the hub is OWNER/NAME, not 'me'"),
        (lambda p: pull("me/gone", p / "a"), "could not pull me/gone: 404: me/gone is not there;"),
    ],
)
def test_what_the_hub_does_not_take_or_give_is_said(
    do: Callable[[Path], object], says: str, hub: type[Hub], tmp_path: Path
) -> None:
    assert hub.made == []
    with pytest.raises(ValueError, match=says):
        do(tmp_path)


def test_export_wants_a_bank_or_a_form(
    tiny_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["export", str(tiny_store), "--to", str(tmp_path / "x")]) == 1
    assert "export needs one of --bank TITLE and --as FORM" in capsys.readouterr().err
