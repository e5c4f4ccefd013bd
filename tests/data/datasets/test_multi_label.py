"""Images with several labels: columns of 1 and 0, lists, and tables that leave it open."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pandas as pd
import pytest
from PIL import Image

from data.datasets import corrupted, load, told
from data.datasets.manifest import manifest
from data.datasets.multi_label import marks_by_image, rarest
from data.datasets.types import Dataset


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in "abcd":
        Image.new("RGB", (13, 9), (ord(name), 90, 40)).save(tmp_path / f"{name}.png")
    return tmp_path


def table(place: Path, *lines: str, name: str = "xrays.csv") -> Path:
    path = place / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def marks(dataset: Dataset) -> dict[str, dict[str, bool | None]]:
    """By file."""
    found = marks_by_image(dataset.carried, dataset.images["image_id"].tolist())
    return {f: dict(m) for f, m in zip(dataset.images["file"], found, strict=True)}


MARKED = {
    "a.png": {"Edema": True, "Effusion": False},
    "b.png": {"Edema": None, "Effusion": True},
    "c.png": {"Effusion": False},
    "d.png": {"Edema": False, "Effusion": True},
}


def test_columns_of_ones_and_zeros_are_read_with_what_is_unknown(place: Path) -> None:
    path = table(
        place,
        "Path,split,Edema,Effusion,Age",
        "a.png,train,1.0,0.0,40",
        "b.png,train,-1,yes,50",
        "c.png,test,,FALSE,60",
        "d.png,train,No,true,70",
    )

    for labels in (["Edema", "Effusion"], "Edema, Effusion"):
        dataset = manifest(path, file="Path", labels=labels)

        assert dataset.multi_label
        assert dataset.labels == ("Edema", "Effusion")
        assert marks(dataset) == MARKED
        assert dataset.images["label"].isna().all()
        assert dataset.images["split"].tolist() == ["train", "train", "test", "train"]
        assert any("1 marks say -1, uncertain (Edema 1)" in one for one in dataset.remarks)
        assert any("left out: Age" in one for one in dataset.remarks)
    assert "2 labels, any number an image (Effusion 2 of 4, Edema 1 of 2)" in told(dataset)


def test_columns_named_for_labels_need_no_option_and_stand_beside_attributes(place: Path) -> None:
    path = table(
        place,
        "file,label:Edema,label:Effusion,concept:device",
        "a.png,1,0,1",
        "b.png,-1,1,0",
        "c.png,,0,",
        "d.png,0,1,1",
    )

    dataset = manifest(path)

    assert marks(dataset) == MARKED
    assert dataset.labelled["name"].tolist() == ["device"]
    assert len(dataset.image_labels) == 3


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (("Edema|Effusion", "No Finding", "", "Effusion"), ""),
        (("Edema;Effusion;Edema", "No Finding", "", "Effusion"), ""),
        (('"[""Edema"", ""Effusion""]"', "[]", "", '"[""Effusion""]"'), ""),
        (("\"['Edema', 'Effusion']\"", "[]", "", "['Effusion']"), ""),
        (("Edema / Effusion", "No Finding", "", "Effusion"), "/"),
    ],
)
def test_a_column_of_lists_is_read_however_it_is_written(
    place: Path, cells: tuple[str, ...], separator: str
) -> None:
    lines = [f"{name}.png,{cell}" for name, cell in zip("abcd", cells, strict=True)]
    path = table(place, "Image Index,Finding Labels", *lines)

    dataset = manifest(path, file="Image Index", labels="Finding Labels", separator=separator)

    assert marks(dataset) == {
        "a.png": {"Edema": True, "Effusion": True},
        "b.png": {"Edema": False, "Effusion": False},
        "c.png": {},
        "d.png": {"Edema": False, "Effusion": True},
    }


def test_a_column_called_labels_is_a_list(place: Path) -> None:
    path = table(place, "file,labels", "a.png,Edema|Effusion", "b.png,No Finding", "c.png,Effusion")

    assert manifest(path).labels == ("Edema", "Effusion")


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        (["file,Edema,Effusion", "a.png,1,0"], {}, r'option labels = \["Edema", "Effusion"\]'),
        (["file,Edema,Effusion", "a.png,1,0"], {}, 'concept:NAME in the table, or .* = "none"'),
        (["file,label", "a.png,x|y"], {}, 'labels = "label" if it is a list, or label = "label"'),
        (["file,label,label:x", "a.png,y,1"], {}, "'label' and 'label:x', so it is not clear"),
        (["file,labels,label:x", "a.png,y,1"], {}, "'labels' and 'label:x', so it is not clear"),
        (["file,label:", "a.png,1"], {}, "names nothing after the colon"),
        (["file,label:x", "a.png,2"], {}, "row 2, column 'label:x': '2' is none of 1, true"),
        (["file,x", "a.png,1"], {"labels": ["x", "y"]}, r"no column 'y' \(labels\)"),
        (["file,x", "a.png,1"], {"labels": ["x", "x"]}, "names a column twice"),
        (["file,x", "a.png,1"], {"labels": "x", "label": "x"}, "exclude each other"),
        (["file,x", "a.png,y"], {"label": "z"}, r"no column 'z' \(label\)"),
        (["file,x", "a.png,A|B", "b.png,A;B"], {"labels": "x"}, r"'\|' and ';', so it is not"),
        (["file,x", 'a.png,"A, B"'], {"labels": "x"}, "with the option separator"),
        (["file,x", 'a.png,"[1, 2]"'], {"labels": "x"}, "row 2, column 'x': .* no list of labels"),
        (["file,x", "a.png,\"['A' 'B']\""], {"labels": "x"}, "no comma between its values"),
        (["file,x", "a.png,[A"], {"labels": "x"}, "cannot be read as a list"),
        (["file,x", "a.png,No Finding|A"], {"labels": "x"}, "'No Finding' stands beside 'A'"),
        (["Path,x", "a.png,1"], {}, "no column `file`.* the option file names another"),
    ],
)
def test_what_is_open_or_odd_is_refused_with_what_settles_it(
    place: Path, lines: list[str], options: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        manifest(table(place, *lines), **options)


def test_a_person_can_say_that_there_are_no_labels_or_that_a_class_has_a_bar(place: Path) -> None:
    path = table(place, "file,Edema,Effusion", "a.png,1,0", "b.png,0,0")
    assert not manifest(path, labels="none").multi_label
    assert not manifest(path, labels=[]).multi_label

    path = table(place, "file,label", "a.png,x|y", "b.png,x|y")
    assert manifest(path, label="label").images["label"].tolist() == ["x|y", "x|y"]


def test_one_column_of_ones_and_zeros_can_be_left_out_as_before(place: Path) -> None:
    dataset = manifest(table(place, "file,male,age", "a.png,1,30", "b.png,0,40"))

    assert not dataset.multi_label
    assert any("male, age" in one for one in dataset.remarks)


def workbook(path: Path, rows: list[list[object]]) -> Path:
    """As Excel writes it: shared texts, empty cells left out, a number, a truth value."""
    texts: list[str] = []

    def cell(value: object, place: str) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
        if isinstance(value, int | float):
            return f'<c r="{place}"><v>{value}</v></c>'
        texts.append(str(value))
        return f'<c r="{place}" t="s"><v>{len(texts) - 1}</v></c>'

    body = "".join(
        f'<row r="{i + 1}">'
        + "".join(cell(v, f"{chr(65 + j)}{i + 1}") for j, v in enumerate(row))
        + "</row>"
        for i, row in enumerate(rows)
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    shared = "".join(
        f"<si><r><t>{escape(t[:1])}</t></r><r><t>{escape(t[1:])}</t></r></si>" for t in texts
    )
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kind}"><sheets>'
        '<sheet name="x" sheetId="1" r:id="rId3"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">'
        '<Relationship Id="rId3" Target="worksheets/sheet9.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{shared}</sst>',
        "xl/worksheets/sheet9.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData>'
        "</worksheet>",
    }
    with zipfile.ZipFile(path, "w") as out:
        for name, content in parts.items():
            out.writestr(name, content)
    return path


ROWS: list[list[object]] = [
    ["file", "label:Edema", "label:Effusion"],
    ["a.png", 1, False],
    ["b.png", -1, True],
    ["c.png", None, 0],
    ["d.png", 0, 1.0],
]


def test_a_workbook_says_the_same_as_text(place: Path) -> None:
    assert marks(manifest(workbook(place / "xrays.xlsx", ROWS))) == MARKED


def test_a_workbook_that_cannot_be_read_is_refused(place: Path) -> None:
    (place / "no.xlsx").write_text("no workbook")
    with pytest.raises(ValueError, match=r"no\.xlsx cannot be read as an XLSX workbook"):
        manifest(place / "no.xlsx")
    path = workbook(place / "formula.xlsx", [["file", "label:x"], ["a.png", 4242]])
    with zipfile.ZipFile(path) as held:
        parts = {name: held.read(name) for name in held.namelist()}
    sheet = parts["xl/worksheets/sheet9.xml"].replace(b"<v>4242</v>", b"<f>1+0</f>")
    with zipfile.ZipFile(path, "w") as out:
        for name, content in (parts | {"xl/worksheets/sheet9.xml": sheet}).items():
            out.writestr(name, content)
    with pytest.raises(ValueError, match="row 2, cell B2: its formula was never computed"):
        manifest(path)


def test_parquet_says_the_same_as_text_and_may_hold_lists(place: Path) -> None:
    frame = pd.DataFrame(ROWS[1:], columns=ROWS[0])
    numbers = frame.assign(**{n: frame[n].astype(float) for n in ROWS[0][1:]})
    numbers.to_parquet(place / "xrays.parquet")
    assert marks(manifest(place / "xrays.parquet")) == MARKED

    lists = pd.DataFrame({"file": ["a.png", "b.png", "c.png"], "labels": [["x", "y"], [], None]})
    lists.to_parquet(place / "lists.parquet")
    assert marks(manifest(place / "lists.parquet")) == {
        "a.png": {"x": True, "y": True},
        "b.png": {"x": False, "y": False},
        "c.png": {},
    }

    (place / "no.parquet").write_text("none")
    with pytest.raises(ValueError, match=r"no\.parquet cannot be read as Parquet"):
        manifest(place / "no.parquet")


def test_limits_and_copies_keep_every_table_in_step(place: Path, tmp_path: Path) -> None:
    path = table(
        place,
        "file,split,label:Edema,label:Effusion",
        "a.png,train,1,0",
        "b.png,train,-1,1",
        "c.png,test,,0",
        "d.png,train,0,1",
    )

    few = manifest(path, limit=2)
    assert len(few.images) == 2
    assert marks(few) == {file: MARKED[file] for file in few.images["file"]}

    more = corrupted(manifest(path), ["dark"], tmp_path / "copies", seed=0)
    assert marks(more)["test+dark/c.png.png"] == MARKED["c.png"]
    assert marks(more) == MARKED | {"test+dark/c.png.png": MARKED["c.png"]}


def test_images_are_spread_by_their_rarest_label() -> None:
    found = rarest([{"x": True, "y": True}, {"x": True}, {"x": False, "y": None}, {}, {"x": True}])

    assert found == ["y", "x", None, None, "x"]


def test_lists_of_a_data_set_of_hugging_face(tmp_path: Path) -> None:
    library = pytest.importorskip("datasets", reason="needs the package datasets")
    library.disable_progress_bars()
    pictures = [Image.new("RGB", (12, 10), (i, 9, 4)) for i in range(4)]
    names = library.ClassLabel(names=["Edema", "Effusion"])

    def read(values: list[object], feature: object, **options: object) -> Dataset:
        features = library.Features({"image": library.Image(), "found": feature})
        rows = {"image": pictures, "found": values}
        at = tmp_path / f"saved-{len(list(tmp_path.iterdir()))}"
        library.Dataset.from_dict(rows, features=features).save_to_disk(str(at))
        return load("huggingface", at, options=options, work=tmp_path / "work")

    def shown(dataset: Dataset) -> list[object]:
        assert dataset.labels == ("Edema", "Effusion")
        return [set(m.items()) for _, m in sorted(marks(dataset).items())]

    wanted = [
        {("Edema", True), ("Effusion", True)},
        {("Edema", False), ("Effusion", False)},
        set(),
        {("Edema", False), ("Effusion", True)},
    ]
    assert shown(read([[0, 1], [], None, [1]], library.List(names))) == wanted
    texts = [["Edema", "Effusion"], [], None, ["Effusion"]]
    assert shown(read(texts, library.List(library.Value("string")), label="found")) == wanted
    hot, number = [[1, 1], [0, 0], None, [0, 1]], library.List(library.Value("int8"))
    assert shown(read(hot, number, label="found=Edema,Effusion")) == wanted
    with pytest.raises(ValueError, match="lists of numbers; say what each place"):
        read(hot, number, label="found")
    with pytest.raises(ValueError, match="is not 1 or 0 for each of the 3 names"):
        read(hot, number, label="found=a,b,c")
    with pytest.raises(ValueError, match="holds lists of float32"):
        read(hot, library.List(library.Value("float32")), label="found=a,b")


def test_lists_in_the_json_of_shards(
    tmp_path: Path, shard: Callable[[str, list[object]], Path]
) -> None:
    (tmp_path / "names.txt").write_text("Edema\nEffusion\nMass\n")
    named = {"names": str(tmp_path / "names.txt")}

    def read(name: str, values: list[object], **options: object) -> dict[str, object]:
        found = load(
            "webdataset",
            shard(name, values),
            options={"label": "json.found", **options},
            work=tmp_path / "work",
        )
        return {"labels": found.labels, "marks": [m for _, m in sorted(marks(found).items())]}

    texts = read("a", [["Edema", "Effusion"], ["No Finding"], None])
    assert texts["labels"] == ("Edema", "Effusion")
    assert texts["marks"] == [
        {"Edema": True, "Effusion": True},
        {"Edema": False, "Effusion": False},
        {},
    ]
    every = [
        {"Edema": True, "Effusion": False, "Mass": True},
        {"Edema": False, "Effusion": False, "Mass": False},
        {},
    ]
    assert read("b", [[0, 2], [], None], **named)["marks"] == every
    assert read("c", [[1, 0, 1], [0, 0, 0], None], **named)["marks"] == every
    with pytest.raises(ValueError, match="numbers need the option names"):
        read("d", [[0, 2]])
    with pytest.raises(ValueError, match="none of the 3 names, counted from 0"):
        read("e", [[0, 3]], **named)
    with pytest.raises(ValueError, match="samples before it have a list there"):
        read("f", [["Edema"], "Edema"])


@pytest.fixture
def shard(tmp_path: Path) -> Callable[[str, list[object]], Path]:
    import io
    import tarfile

    def written(name: str, values: list[object]) -> Path:
        path = tmp_path / f"{name}.tar"
        with tarfile.open(path, "w") as tar:
            for i, value in enumerate(values):
                picture = io.BytesIO()
                Image.new("RGB", (12, 10), (i, 9, 4)).save(picture, "PNG")
                said = json.dumps({"found": value}).encode()
                for kind, content in (("png", picture.getvalue()), ("json", said)):
                    info = tarfile.TarInfo(f"{i:04d}.{kind}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
        return path

    return written
