"""Files that are no images, odd images and odd names: a build loses none of the good ones."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.recipe import parse
from data import store
from precompute import __main__ as command_line

MARKUP = "<img src=x onerror=alert(1)> **bold** $x$"
LONG = "a very long class name " * 11
MAIN = str(ROOT / "app" / "main.py")


def picture(seed: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 44, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of good pictures, and one of everything that folders hold besides."""
    root = tmp_path_factory.mktemp("hostile")
    for number, label in enumerate((MARKUP.replace("/", " "), LONG.strip())):
        (root / label).mkdir()
        for i in range(6):
            picture(10 * number + i).save(
                root / label / "same name.jpg" if i == 0 else root / label / f"{i}.png"
            )
    odd = root / "odd"
    odd.mkdir()
    picture(30, "CMYK").save(odd / "cmyk.jpg")
    picture(31, "P").save(odd / "palette.png")
    see_through = picture(32)
    see_through.putalpha(128)
    see_through.save(odd / "alpha.png")
    grey = np.random.default_rng(1).integers(0, 65536, (30, 44), dtype=np.uint16)
    Image.fromarray(grey).save(odd / "sixteen.png")
    picture(33).save(odd / "moving.gif", save_all=True, append_images=[picture(34), picture(35)])
    rotated = picture(36)
    exif = rotated.getexif()
    exif[0x0112] = 6
    rotated.save(odd / "rotated.jpg", exif=exif)
    whole = io.BytesIO()
    picture(37).save(whole, "JPEG")
    (odd / "truncated.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (odd / "empty.jpg").write_bytes(b"")
    (odd / "text.jpg").write_text("not a picture at all")
    (odd / "tiny.png").write_bytes(b"")
    picture(38).resize((3, 3)).save(odd / "tiny.png")
    return root


@pytest.fixture(scope="module")
def built(hostile: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from precompute import pipeline

    text = f"""
        name = "hostile"
        [dataset]
        path = {str(hostile)!r}
        [backbone]
        model = {str(tiny_model)!r}
        [[banks]]
        method = "nmf"
        n_concepts = 3
        [[banks]]
        method = "sae"
        n_concepts = 100_000
        [[banks]]
        method = "cav"
        [[heads]]
        bank = "nmf"
        """
    return pipeline.run(parse(text), out=tmp_path_factory.mktemp("out"))


def test_unusable_files_are_recorded_with_a_reason_each(built: Path) -> None:
    with store.open_readonly(built) as con:
        rows = dict(con.execute("SELECT file, reason FROM skipped").fetchall())
        n_skipped = con.execute("SELECT n_skipped FROM build").fetchall()[0][0]
    assert set(rows) == {"odd/truncated.jpg", "odd/empty.jpg", "odd/text.jpg", "odd/tiny.png"}
    assert n_skipped == 4
    assert len(set(rows.values())) == 4
    assert all(len(reason) > 10 for reason in rows.values())


def test_odd_but_readable_images_are_used_and_say_what_was_done(built: Path) -> None:
    with store.open_readonly(built) as con:
        notes = dict(
            con.execute("SELECT file, note FROM image WHERE starts_with(file, 'odd/')").fetchall()
        )
        size = con.execute("SELECT width, height FROM image WHERE file = 'odd/rotated.jpg'")
        assert size.fetchall() == [(30, 44)]
    assert set(notes) == {
        f"odd/{name}"
        for name in (
            "cmyk.jpg",
            "palette.png",
            "alpha.png",
            "sixteen.png",
            "moving.gif",
            "rotated.jpg",
        )
    }
    assert "first frame" in notes["odd/moving.gif"]
    assert all(notes.values())


def test_names_pass_through_unchanged(built: Path) -> None:
    with store.open_readonly(built) as con:
        names = {row[0] for row in con.execute("SELECT name FROM class WHERE labelled").fetchall()}
    assert names == {MARKUP, LONG.strip(), "odd"}


def test_parts_that_cannot_be_done_are_notices(built: Path) -> None:
    with store.open_readonly(built) as con:
        notices = dict(con.execute("SELECT subject, message FROM notice").fetchall())
        banks = [row[0] for row in con.execute("SELECT name FROM bank").fetchall()]
    assert banks == ["nmf"]
    assert "ask for fewer" in notices["sae"]
    assert "labelled concepts" in notices["cav"]


def test_overview_shows_what_was_skipped_and_markup_as_text(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["main.py", "--db", str(built)])
    page = AppTest.from_file(MAIN).run(timeout=60)
    assert not page.exception
    shown = " ".join(str(frame.value.to_dict()) for frame in page.dataframe)
    assert "odd/truncated.jpg" in shown
    assert not any(getattr(m, "allow_html", False) for m in page.markdown)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--images", "EMPTY", "--model", "MODEL"], "no image"),
        (["run", "--images", "nowhere", "--model", "MODEL"], "does not exist"),
        (
            ["run", "--images", "IMAGES", "--model", "MODEL", "--layer", "resnet.encoder.stage"],
            "resnet.encoder.stages",
        ),
        (["run", "--images", "IMAGES", "--model", "MODEL", "--size", "12by4"], "HEIGHTxWIDTH"),
        (["run", "--images", "IMAGES", "--model", "MODEL", "--banks", "nfm"], "nmf"),
        (["run", "--images", "IMAGES", "--model", "NOWEIGHTS"], "weights"),
        (["run", "--images", "IMAGES"], "--model"),
        (["run", "--images", "IMAGES", "--model", "MODEL", "--family", "timm"], "huggingface"),
        (["run", "nowhere.toml"], "no recipe"),
        (["run", "--shards", "no-{0..1}.tar", "--model", "MODEL"], "no-0.tar and 1 more"),
        (["run", "--shards", "IMAGES", "--images", "IMAGES", "--model", "MODEL"], "one of"),
        (["run", "--images", "IMAGES", "--model", "MODEL", "--option", "flat"], "KEY=VALUE"),
        (
            ["run", "--images", "IMAGES", "--model", "MODEL", "--option", "layout=flat"],
            "'classes', 'splits'",
        ),
    ],
)
def test_wrong_arguments_end_in_one_sentence(
    arguments: list[str],
    said: str,
    hostile: Path,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_text((tiny_model / "config.json").read_text())
    places = {
        "EMPTY": tmp_path / "empty",
        "IMAGES": hostile,
        "MODEL": tiny_model,
        "NOWEIGHTS": bare,
    }
    given = [str(places.get(word, word)) for word in arguments]
    assert command_line.main([*given, "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert said in told.splitlines()[-1]
    assert "Traceback" not in told
