"""The documents as a site: it builds strictly, has every page, and fetches nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.components.chromium import chromium
from tests.components.needs import need
from tests.waiting import until

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS) for path in DOCS.rglob("*.md"))
# Links are followed by people; what these name is fetched by the browser.
_FETCHED = re.compile(r"<(?:script|img|iframe|audio|link)\b[^>]*?\b(?:src|href)=\"?([^\" >]+)")


def build(config: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(
        [*command, "--config-file", str(config), "--site-dir", str(out)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", out)
    assert done.returncode == 0, done.stderr
    return out


def test_every_page_is_there_and_the_navigation_leads_to_it(site: Path) -> None:
    start = (site / "index.html").read_text("utf-8")
    [navigation] = re.findall(r'<nav class="md-nav md-nav--primary.*?</nav>\s*</div>', start, re.S)
    for page in PAGES:
        place = page.with_suffix(".html").as_posix()
        assert (site / place).is_file(), page
        assert f'href="{place}"' in navigation, page
    assert 'href="repository/index.html"' in navigation


def test_what_lies_outside_of_docs_is_linked_from_where_it_is(site: Path) -> None:
    models = (site / "models.html").read_text("utf-8")
    assert 'href="repository/nsynth_batch/checkpoints/small.html"' in models
    card = site / "repository" / "nsynth_batch" / "checkpoints" / "small.html"
    assert 'href="../../../training.html"' in card.read_text("utf-8")
    script = site / "repository" / "examples" / "new_step.py"
    assert script.read_bytes() == (ROOT / "examples" / "new_step.py").read_bytes()


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    fetched = {
        address
        for page in site.rglob("*.html")
        for address in _FETCHED.findall(page.read_text("utf-8"))
    }
    assert "assets/iframe-worker.js" in fetched
    assert [address for address in fetched if re.match(r"(https?:)?//", address)] == []
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert "@import" not in styles
    assert not re.search(r"url\([\"']?(https?:)?//", styles)


def test_a_link_to_nowhere_ends_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        f"INHERIT: {ROOT / 'mkdocs.yml'}\nhooks: [{ROOT / 'scripts' / 'site_hooks.py'}]\n"
        "docs_dir: docs\nnav: [index.md]\n"
    )
    (docs / "index.md").write_text("# One\n\n[two](#three)\n\n[four](five.md)\n")
    assets = docs / "assets"
    assets.mkdir()
    (assets / "iframe-worker.js").write_text("")
    done = build(config, tmp_path / "site")
    assert done.returncode == 1
    assert "'five.md'" in done.stderr
    assert "'#three'" in done.stderr


def test_it_is_searched_when_it_is_opened_from_a_disk(site: Path, tmp_path: Path) -> None:
    need("chromium")
    with chromium(tmp_path / "profile", tmp_path / "downloads") as browser:
        browser.get((site / "index.html").as_uri())
        field = browser.find_element(By.CSS_SELECTOR, "[name=query]")
        browser.execute_script("arguments[0].focus()", field)
        field.send_keys("quarantine")
        found = ".md-search-result__item a"
        until(lambda: browser.find_elements(By.CSS_SELECTOR, found))
        addresses = [
            str(link.get_attribute("href"))
            for link in browser.find_elements(By.CSS_SELECTOR, found)
        ]
        assert all(address.startswith(site.as_uri()) for address in addresses)
        assert browser.get_log("browser") == []
