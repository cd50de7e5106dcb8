"""Pictures in, a page out: reading them, what is found, what is refused."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

pytest.importorskip("torch", reason="the deep part needs torch")
from sklearn.datasets import load_digits
from typer.testing import CliRunner

import tacit
from tacit.cli.app import app
from tacit.data.pictures import as_pictures, holds_pictures, read_pictures
from tacit.errors import InputError

DIGITS = (load_digits().images * 15.9).astype(np.uint8)


@pytest.fixture(scope="module")
def found():
    odd = DIGITS[:300].copy()
    odd[7] = np.random.default_rng(0).integers(0, 255, (8, 8))
    return tacit.explore_pictures(odd, code_size=8, epochs=8, name="digits")


def test_what_is_found(found) -> None:
    told = json.loads(found.json())
    assert told["pictures"] | {"kept": 0, "error_per_pixel": 0} == {
        "name": "digits", "count": 300, "channels": 1, "height": 8, "width": 8, "code_size": 8,
        "kept": 0, "error_per_pixel": 0,
    }  # fmt: skip
    assert 0.2 < told["pictures"]["kept"] < 1
    assert told["odd"][0]["row"] == 8  # the picture that is noise
    assert [o["score"] for o in told["odd"]] == sorted(o["score"] for o in told["odd"])
    error = told["pictures"]["error_per_pixel"] * 64
    assert error == pytest.approx(-found.model.score(DIGITS[:300, None]), rel=0.4)
    assert len(told["map"]["points"]["x"]) == 300


def test_noise_has_nothing_to_keep() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 8, 8)).astype(np.uint8)
    found = tacit.explore_pictures(noise, code_size=8, epochs=150)
    assert found.findings["pictures"]["kept"] < 0.15
    assert found.model.stopped_ == "early stopping"


def test_the_page_stands_alone(found, tmp_path) -> None:
    found.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "300 pictures of 8 × 8 pixels" in page
    assert not re.findall(r"(?:src|href)=[\"'](?!data:|#)", page)
    assert page.count("data:image/png;base64,") == 3 + 24


@pytest.mark.browser
def test_the_page_draws_in_a_browser_without_complaint(found, tmp_path, browser) -> None:
    found.save(tmp_path / "page.html")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector("html[data-figures=drawn]", state="attached")
    assert not said
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = "[...document.querySelectorAll('img')].every(i => i.complete && i.naturalWidth > 0)"
    assert page.evaluate(wide)
    page.close()


def test_arrays_and_folders(tmp_path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    np.savez(tmp_path / "many.npz", small=DIGITS[:3], large=DIGITS[:20], labels=np.arange(20))
    read = read_pictures(tmp_path / "many.npz")
    assert read.x.shape == (20, 1, 8, 8)
    assert "'large' was taken" in read.notices[0]
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for i in range(3):
        image.fromarray(DIGITS[i]).save(folder / f"{i}.png")
    read = read_pictures(folder)
    np.testing.assert_array_equal(read.x[:, 0], DIGITS[:3])
    assert read.names == ("0.png", "1.png", "2.png")
    image.fromarray(np.zeros((200, 100, 3), np.uint8)).save(folder / "sub" / "x.jpg")
    assert read_pictures(folder).x.shape == (4, 3, 8, 8)
    assert holds_pictures(folder)
    assert holds_pictures(tmp_path / "many.npz")
    np.save(tmp_path / "table.npy", np.ones((5, 3)))
    assert not holds_pictures(tmp_path / "table.npy")
    assert not holds_pictures("sample:wine")


def test_what_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="holds no pictures"):
        read_pictures(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    pytest.importorskip("PIL", reason="needs Pillow")
    with pytest.raises(InputError, match=r"broken.png is no picture"):
        read_pictures(tmp_path)
    with pytest.raises(InputError, match="3 pictures are too few"):
        tacit.explore_pictures(DIGITS[:3])
    with pytest.raises(InputError, match="got 2 axes"):
        as_pictures(np.ones((3, 4)))
    with pytest.raises(InputError, match="pictures are numbers"):
        tacit.explore_pictures(np.full((20, 3, 3), "x"))


def test_from_the_shell(tmp_path) -> None:
    np.save(tmp_path / "p.npy", DIGITS[:40])
    run = CliRunner().invoke
    out = tmp_path / "m.tacit"
    words = ["fit", "autoencoder", str(tmp_path / "p.npy"), "-o", str(out), "--hidden-sizes", "4,3", "--epochs", "2"]
    done = run(app, [*words, "--json", "--log", str(tmp_path / "log.csv")])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["learned"]["code_size_"] == 3
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    codes = run(app, ["transform", str(out), str(tmp_path / "p.npy"), "--json"])
    assert codes.exit_code == 0, codes.output
    assert len(json.loads(codes.stdout)) == 40
    mixed = ["fit", "autoencoder", "sample:tips", "-o", str(out), "--kind", "variational", "--epochs", "1", "--json"]
    assert run(app, mixed).exit_code == 0
    drawn = run(app, ["sample", str(out), "-n", "4", "--json"])
    assert set(json.loads(drawn.stdout)[0]) == {"total_bill", "tip", "sex", "smoker", "day", "time", "size"}
    assert run(app, ["score", str(out), "sample:tips"]).exit_code == 0
    refused = run(app, ["fit", "autoencoder", "sample:tips", "--hidden-sizes", "a,b"])
    assert refused.exit_code == 2
    assert run(app, ["explore", str(tmp_path / "p.npy"), "--no-rows"]).exit_code == 2
