"""The page of a finished piece in a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from sequencer.cli import main
from sequencer.player.page import player_page
from sequencer.score.files import read_score, score_json
from tests.sequencer.scores import piece
from tests.waiting import until


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A score with hostile titles, and a sound beside it."""
    folder = tmp_path_factory.mktemp("piece")
    (folder / "my piece.score.json").write_text(score_json(piece()), encoding="utf-8")
    tone = 0.1 * np.sin(np.arange(160_000) / 20)
    soundfile.write(folder / "my piece.wav", np.column_stack([tone, tone]), 16_000)
    return folder / "my piece.score.json"


@pytest.fixture(scope="module")
def folder(score: Path) -> Path:
    out = score.parent / "page"
    assert main(["page", str(score), "-o", str(out)]) == 0
    return out


def now(browser: Chrome) -> str:
    return browser.find_element(By.ID, "now").text


def seek(browser: Chrome, second: float) -> None:
    browser.execute_script(
        "const seek = document.getElementById('seek'); seek.value = arguments[0];"
        "seek.dispatchEvent(new Event('input'))",
        second * 100,
    )


def test_the_page_plays_and_says_who_is_heard(browser: Chrome, folder: Path) -> None:
    browser.get_log("browser")
    browser.get((folder / "index.html").as_uri())
    until(lambda: "Wind" in now(browser))
    audio = "document.getElementById('audio')"
    until(lambda: browser.execute_script(f"return {audio}.readyState > 0"))
    assert browser.execute_script(f"return {audio}.duration") == 10.0
    browser.find_element(By.ID, "toggle").click()
    until(lambda: float(browser.execute_script(f"return {audio}.currentTime")) > 0.1)
    cursor = browser.find_element(By.ID, "cursor")
    first = cursor.rect["x"]
    until(lambda: cursor.rect["x"] > first)
    browser.find_element(By.ID, "toggle").click()
    # The clip fades from Wind to Choir over four seconds.
    seek(browser, 0.0)
    until(lambda: "100%" in now(browser))
    assert "0%" not in now(browser).replace("100%", "")
    legend = browser.find_element(By.ID, "legend").text
    assert "Wind" in legend
    assert "Choir" in legend
    seek(browser, 1.0)
    until(lambda: "75%" in now(browser) and "25%" in now(browser))
    assert "by Ann" in now(browser)
    assert "CC-BY-SA-4.0" in now(browser)
    # Each pixel of the timeline was drawn by the script.
    drawn = browser.execute_script(
        "const c = document.getElementById('canvas');"
        "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0)"
    )
    assert drawn
    seek(browser, 8.5)
    until(lambda: "a pause" in now(browser))
    assert browser.get_log("browser") == []


def test_hostile_titles_are_text_and_nothing_is_fetched_from_elsewhere(
    browser: Chrome, folder: Path
) -> None:
    browser.get_log("browser")
    browser.get((folder / "index.html").as_uri())
    seek(browser, 5.0)
    until(lambda: "</script><img src=x onerror=alert(1)>" in now(browser))
    assert browser.find_elements(By.TAG_NAME, "img") == []
    links = {str(a.get_attribute("href")) for a in browser.find_elements(By.TAG_NAME, "a")}
    assert "https://example.org/wind" in links
    assert not any(link.startswith("javascript:") for link in links)
    fetched = browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert all(name.startswith((folder.as_uri(), "data:")) for name in fetched)
    assert browser.get_log("browser") == []


def test_it_works_by_keyboard(browser: Chrome, folder: Path) -> None:
    browser.get((folder / "index.html").as_uri())
    slider = browser.find_element(By.ID, "seek")
    slider.send_keys(Keys.END)
    until(lambda: browser.find_element(By.ID, "time").text == "0:10 of 0:10")
    slider.send_keys(Keys.HOME)
    until(lambda: browser.find_element(By.ID, "time").text == "0:00 of 0:10")
    slider.send_keys(Keys.SPACE)
    until(lambda: not browser.execute_script("return document.getElementById('audio').paused"))


def test_the_folder_holds_all_that_it_names(folder: Path, score: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "index.html", "piece.wav", "piece.score.json", "credits.html", "credits.txt",
    }  # fmt: skip
    assert (folder / "piece.wav").read_bytes() == score.with_name("my piece.wav").read_bytes()
    assert read_score(folder / "piece.score.json") == read_score(score)
    page = (folder / "index.html").read_text("utf-8")
    assert 'download="my piece.wav"' in page
    assert page == player_page(
        read_score(score),
        "my piece",
        "piece.wav",
        [
            ("piece.wav", "my piece.wav"),
            ("piece.score.json", "my piece.score.json"),
            ("credits.txt", "my piece.credits.txt"),
        ],
    )


def test_what_is_missing_or_in_the_way_is_one_line(
    score: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "alone.score.json"
    alone.write_bytes(score.read_bytes())
    assert main(["page", str(alone), "-o", str(tmp_path / "page")]) == 2
    assert "no sound of this score" in capsys.readouterr().err
    # Somebody's own site has an index.html too.
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "index.html").write_text("mine")
    (tmp_path / "clips").mkdir()
    sound = score.with_name("my piece.wav")
    shutil.copy(sound, tmp_path / "clips")
    for command in (["page", str(score)], ["audition", str(tmp_path / "clips")]):
        assert main([*command, "-o", str(tmp_path / "taken")]) == 2
        assert "holds something else" in capsys.readouterr().err
    assert main(["page", str(tmp_path / "clips"), "-o", str(tmp_path / "page")]) == 2
    assert "clips is a folder, and a score is wanted" in capsys.readouterr().err
    for path, found in ((sound, str(score)), (tmp_path / "a.mp3", "`sequencer compose` writes")):
        assert main(["page", str(path), "-o", str(tmp_path / "page")]) == 2
        said = capsys.readouterr().err
        assert f"{path} is a sound, and its score is wanted: {found}" in said
