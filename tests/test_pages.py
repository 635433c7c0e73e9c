"""The pages of `make course`, of stored outputs, in a browser without network."""

import html
import os
import re
import runpy
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(
    path
    for path in (ROOT / "notebooks").rglob("0*.ipynb")
    if re.fullmatch(r"\d\d_[a-z_]+\.ipynb", path.name)
)
NAMES = [path.relative_to(ROOT / "notebooks").as_posix() for path in FILES]
PAGES = [name.replace(".ipynb", ".html") for name in NAMES]

# What a reader would stumble over, and axe does not look for: [what, where] each.
# Axe's rule for pale text, which we leave out, takes ten seconds on a long lesson.
PLACES = """() => {
  const found = [];
  const say = (what, where) => found.push([what, (where || '').slice(0, 60)]);
  for (const img of document.images) {
    if (img.alt.length < 10) say('a picture without words', img.alt);
    if (!img.naturalWidth) say('a broken picture', img.alt);
    const room = document.querySelector('main').getBoundingClientRect();
    const right = img.getBoundingClientRect().right;
    if (right > room.right + 1) say('a wide picture', img.alt);
  }
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  for (const id of ids.filter((id, i) => ids.indexOf(id) !== i)) say('twice', id);
  for (const a of document.querySelectorAll('a')) {
    const to = a.getAttribute('href');
    if (to.startsWith('#') && !ids.includes(decodeURIComponent(to.slice(1))))
      say('a link to nowhere', to);
  }
  if (document.documentElement.scrollWidth > innerWidth) say('wider than the window');
  return found;
}"""
COLOURS = """() => {
  const found = [];
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = c => {
    const [r, g, b] = c.map(v => v / 255).map(
      v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const text = words.currentNode;
    let behind = text.parentElement;
    if (!text.data.trim() || !behind.checkVisibility()) continue;
    const ink = rgb(getComputedStyle(behind).color);
    while (behind && rgb(getComputedStyle(behind).backgroundColor)[3] === 0)
      behind = behind.parentElement;
    const paper = rgb(getComputedStyle(behind || document.body).backgroundColor);
    const [low, high] = [light(ink), light(paper)].sort((a, b) => a - b);
    if ((high + 0.05) / (low + 0.05) < 4.5) found.push([`pale: ${ink}`, text.data]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write the pages of the outputs that are stored, as `make course` would."""
    folder = tmp_path_factory.mktemp("pages")
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        site = runpy.run_path(str(ROOT / "scripts" / "pages.py"))
        notebooks = [nbformat.read(path, as_version=4) for path in FILES]
        titles = map(site["title_of"], notebooks, FILES)
        pages = site["Site"](folder, dict(zip(NAMES, titles, strict=True)))
        for name, notebook in zip(NAMES, notebooks, strict=True):
            pages.add(name, notebook)
        pages.finish("As stored.")
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return folder


@pytest.fixture
def sheet(browser):
    """Return a page of a browser that is offline, and what goes wrong in it."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.wrong = []
    page.on("requestfailed", lambda asked: page.wrong.append(asked.url[:80]))
    page.on("console", lambda line: page.wrong.append(line.text))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    yield page
    context.close()


def take_picture(sheet, name, width, theme):
    if folder := os.environ.get("SCREENSHOTS"):
        sheet.emulate_media(color_scheme=theme)
        sheet.screenshot(path=Path(folder) / f"{Path(name).stem}-{width}-{theme}.png")


@pytest.mark.parametrize("name", ["index.html", "words.html", *PAGES])
def test_a_page_opens_offline_and_reads_well_at_each_width(
    name, folder, sheet, faults_by_axe
):
    asked = []
    sheet.on("request", lambda request: asked.append(request.url))
    sheet.goto((folder / name).as_uri())
    for width in (390, 1000, 1400):
        sheet.set_viewport_size({"width": width, "height": 900})
        for theme in ("dark", "light"):
            take_picture(sheet, name, width, theme)
        assert sheet.evaluate(PLACES) == [], width
        if width == 390:
            assert faults_by_axe(sheet, but=["color-contrast"]) == []
    # A theme changes colours alone, and the widest window shows all there is.
    for theme in ("light", "dark"):
        sheet.emulate_media(color_scheme=theme)
        assert sheet.evaluate(COLOURS) == [], theme
    assert sheet.wrong == []
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}


def test_links_of_all_pages_lead_somewhere(folder):
    for page in folder.rglob("*.html"):
        text = html.unescape(page.read_text(encoding="utf-8"))
        for link in re.findall(r'<a [^>]*href="([^":]+)"', text):
            file, _, place = link.partition("#")
            there = (page.parent / file).resolve() if file else page
            assert there.is_file(), (page.name, link)
            if place:
                target = html.unescape(there.read_text(encoding="utf-8"))
                assert f'id="{place}"' in target, (page.name, link)


def test_of_a_progress_bar_only_the_end_is_shown(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    site = runpy.run_path(str(ROOT / "scripts" / "pages.py"))
    cell = nbformat.v4.new_code_cell("fit()")
    for text in ("1/9 slow", "\b" * 8 + "5/9 slow", "\r9/9 done\n"):
        cell.outputs.append(nbformat.v4.new_output("stream", text=text))
    body = site["body_of"](nbformat.v4.new_notebook(cells=[cell]))
    assert "9/9 done" in body
    assert "slow" not in body
    assert "\b" not in body


def test_pictures_of_the_project_come_along_in_a_page(folder):
    page = (folder / "03_convolutional_network.html").read_text(encoding="utf-8")
    (picture,) = re.findall(r'<img [^>]*alt="TensorBoard[^>]*>', page)
    assert 'src="data:image/png;base64,' in picture


def test_words_are_words_and_no_orders(folder):
    text = (folder / "words.html").read_text(encoding="utf-8")
    words = re.findall("<dt>(.*?)</dt>", html.unescape(text))
    assert len(words) > 70
    assert [word for word in words if not word[-1].isalpha()] == []
    assert not {"You need", "Shift + Enter", "predict"} & set(words)


def test_two_clicks_from_the_cover_to_a_word_and_on_to_the_next_lesson(folder, sheet):
    sheet.goto((folder / "index.html").as_uri())
    sheet.get_by_role("link", name="Words", exact=True).click()
    sheet.get_by_role("link", name="softmax in 2. Dense networks").click()
    assert sheet.url.endswith("02_dense_network.html#word-softmax")
    assert sheet.locator("#word-softmax").inner_text() == "Softmax"
    sheet.get_by_role("link", name="3. Convolutional networks →").first.click()
    assert sheet.title().startswith("3. Convolutional networks")
    sheet.get_by_role("link", name="Handwritten digits with Keras").click()
    sheet.get_by_role("link", name="3. Convolutional networks: solutions").click()
    assert sheet.locator("h1").inner_text() == "Convolutional networks: solutions"


def test_text_is_as_wide_as_a_line_of_a_book_and_sections_stand_beside_it(
    folder, sheet
):
    sheet.set_viewport_size({"width": 1400, "height": 900})
    sheet.goto((folder / "03_convolutional_network.html").as_uri())
    text = sheet.locator("main").bounding_box()
    side = sheet.locator(".side").bounding_box()
    assert side["x"] >= 0
    assert side["x"] + side["width"] <= text["x"]
    # Letters are about half as wide as their font is high: 65 to 95 in a line.
    font = sheet.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    widest = sheet.evaluate("parseFloat(getComputedStyle(document.body).maxWidth)")
    assert 65 / 2 <= widest / font <= 95 / 2
    assert text["width"] <= widest


def test_paper_is_white_whatever_the_screen(folder, sheet):
    sheet.goto((folder / "02_dense_network.html").as_uri())
    paper = "getComputedStyle(document.body).backgroundColor"
    for theme in ("light", "dark"):
        sheet.emulate_media(media="print", color_scheme=theme)
        assert sheet.evaluate(paper) == "rgb(255, 255, 255)"
        assert sheet.evaluate(COLOURS) == []
    assert sheet.evaluate(PLACES) == []
    assert not sheet.locator(".side").is_visible()


def test_formulas_need_no_library():
    for path in FILES:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                prose = re.sub(r"(`+).*?\1", "", cell.source, flags=re.DOTALL)
                assert "$" not in prose, (path.name, prose)
