"""Write executed notebooks as pages that need no network: cover, lessons and words."""

import base64
import html
import posixpath
import re
import shutil
from collections import defaultdict
from pathlib import Path

from jinja2 import DictLoader, Environment, FileSystemLoader
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from pygments.formatters import HtmlFormatter

ASSETS = Path(__file__).resolve().parent.parent / "assets"
COURSE = "Handwritten digits with Keras"
TEMPLATES = Environment(
    loader=FileSystemLoader(ASSETS), autoescape=True, trim_blocks=True
)

# Each figure's own sentence, which nbconvert would leave out, as alternative text.
BODY = """
{%- extends "basic/index.html.j2" -%}
{%- block data_png scoped -%}
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
alt="{{ output.data['text/plain'] | escape_html }}">
{%- endblock data_png -%}
"""
# In bold, and no word that is explained: what to do, what to press, what to answer.
NO_WORD = re.compile(
    r"You (will|learn|need)|Exercise \d|.*[?!+→:]|.*\. |.*[Gg]raph"
    r"|(predict|exercises|accurate|network)$"
)
BOLD = re.compile(r"\*\*([^*\n]+?)\.?\*\*")
PICTURE = re.compile(r'src="(?:\.\./)+assets/([^"/]+\.png)"')
SECTION = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>')
ROW = re.compile(r"^\|[^|]*\]\(([^)]+\.ipynb)\) \| ([^|]+) \| (\d+) \|$", re.MULTILINE)
FIRST_ROW = re.compile(r"^\| 0\. [^|]+ \| ([^|]+) \| (\d+) \|$", re.MULTILINE)


def style():
    """Return the style sheet, with the colours of code in light and dark."""
    sheet = (ASSETS / "course.css").read_text(encoding="utf-8")
    light = HtmlFormatter(style="xcode", nobackground=True)
    dark = HtmlFormatter(style="github-dark", nobackground=True)
    return (
        f"{sheet}\n@media print, not all and (prefers-color-scheme: dark) {{\n"
        f"{light.get_style_defs('.highlight')}\n}}\n"
        "@media screen and (prefers-color-scheme: dark) {\n"
        f"{dark.get_style_defs('.highlight')}\n}}\n"
    )


TEMPLATES.globals.update(course=COURSE, style=style)


def title_of(notebook, path):
    """Return the first heading after the lesson's number, or the file's name."""
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    found = re.search(r"^# *(.+)$", text, re.MULTILINE)
    if not found:
        return path.stem
    number = re.match(r"(\d\d)_", path.name)
    return f"{int(number[1])}. {found[1]}" if number else found[1]


def promises(notebook):
    """Return what each lesson teaches and its minutes, from the table of lesson 0."""
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    found = {file: (able, minutes) for file, able, minutes in ROW.findall(text)}
    first = FIRST_ROW.search(text)
    if first:
        found["00_start_here.ipynb"] = first.groups()
    return found


def sentence_around(text, place):
    """Return the sentence of a Markdown text that holds a place, as plain words."""
    ends = [m.end() for m in re.finditer(r"\n\s*|(?<=[.?!])\s+(?=\S)", text)]
    start = max([end for end in ends if end <= place], default=0)
    end = min([end for end in ends if end > place], default=len(text))
    sentence = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text[start:end])
    return re.sub(r"[*`]|^[-#|] *", "", sentence).strip()


def mark_words(notebook):
    """Give each word that is explained a place, and return words, places, sentences."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type != "markdown" or cell.source.startswith("**Exercise"):
            continue
        text = cell.source.partition("## Recap")[0]
        rest = cell.source[len(text) :]

        def mark(match, text=text):
            word = match[1]
            place = "word-" + re.sub(r"\W+", "-", word.lower())
            if NO_WORD.match(word) or place in found or len(word.split()) > 3:
                return match[0]
            sentence = sentence_around(text, match.start())
            # A capital at the start of a sentence is not the word's own.
            if sentence.startswith(word) and word[1:] == word[1:].lower():
                word = word.lower()
            found[place] = (word, sentence)
            return f'<dfn id="{place}">{match[0]}</dfn>'

        cell.source = BOLD.sub(mark, text) + rest
        if rest:
            break
    return [(word, place, sentence) for place, (word, sentence) in found.items()]


def picture(name):
    """Return a picture of the project as an address that holds all of it."""
    data = base64.b64encode((ASSETS / name).read_bytes()).decode()
    return f"data:image/png;base64,{data}"


def with_pictures(body):
    """Put the project's pictures into a page that names them."""

    def put(match):
        known = (ASSETS / match[1]).is_file()
        return f'src="{picture(match[1])}"' if known else match[0]

    return PICTURE.sub(put, body)


def body_of(notebook):
    """Return the notebook's cells as HTML."""
    exporter = HTMLExporter(
        extra_loaders=[DictLoader({"body.html.j2": BODY})],
        template_file="body.html.j2",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        anchor_link_text="",
    )
    # Of a progress bar, only its last state.
    exporter.register_preprocessor(CoalesceStreamsPreprocessor, enabled=True)
    body, _ = exporter.from_notebook_node(notebook)
    body = re.sub(r'<a class="anchor-link" [^>]*></a>', "", body)
    body = with_pictures(body)
    # What may be wider than the page: whoever has no mouse scrolls it with the keys.
    body = body.replace("<pre", '<pre tabindex="0"')
    body = body.replace("<table", '<div class="wide" tabindex="0"><table')
    return body.replace("</table>", "</table></div>")


def link_pages(body, folder, pages):
    """Let links to notebooks lead to their pages, and link to nothing else here."""

    def lead(match):
        file, place, words = match.groups()
        page = file.removesuffix(".ipynb") + ".html"
        if posixpath.normpath(f"{folder}/{page}") not in pages:
            return words
        return f'<a href="{page}{place}">{words}</a>'

    return re.sub(r'<a href="([^":#]+)(#[^"]*|)">(.*?)</a>', lead, body)


class Site:
    """The pages of some notebooks, which know of one another from the start.

    Parameters
    ----------
    folder : pathlib.Path
        To write to.
    titles : dict of str to str
        Each notebook's path below the lessons' folder, and its title, in order.
    """

    def __init__(self, folder, titles):
        self.folder = folder
        self.lessons = [
            {
                "file": file,
                "page": file.removesuffix(".ipynb") + ".html",
                "title": title,
            }
            for file, title in titles.items()
        ]
        self.words = defaultdict(list)
        self.promises = {}
        self.bodies = {}

    def add(self, file, notebook, verdict=""):
        """Write one notebook's page; a verdict stands above it in red."""
        (lesson,) = [each for each in self.lessons if each["file"] == file]
        lesson["verdict"] = verdict
        self.promises |= promises(notebook)
        page = Path(lesson["page"])
        words = [] if "/" in file else mark_words(notebook)
        for word, place, sentence in words:
            link = f"{lesson['page']}#{place}"
            entry = {"link": link, "title": lesson["title"], "sentence": sentence}
            self.words[word].append(entry)
        pages = [each["page"] for each in self.lessons]
        body = link_pages(body_of(notebook), page.parent.as_posix(), pages)
        self.bodies[lesson["page"]] = body
        # Previous and next are neighbours in the same folder.
        row = [
            each
            for each in self.lessons
            if each["page"] and Path(each["page"]).parent == page.parent
        ]
        here = row.index(lesson)
        self._write(
            lesson["page"],
            "lesson.html.j2",
            title=lesson["title"],
            body=body,
            verdict=verdict,
            sections=[
                (place, html.unescape(re.sub("<.*?>", "", name)))
                for place, name in SECTION.findall(body)
            ],
            previous=row[here - 1] if here else None,
            next=row[here + 1] if here + 1 < len(row) else None,
        )

    def refuse(self, file, verdict):
        """Keep a file that is no notebook as a line of the cover, without a page."""
        (lesson,) = [each for each in self.lessons if each["file"] == file]
        lesson.update(verdict=verdict, page="")

    def finish(self, remark):
        """Write the cover and the words, when all lessons are there."""
        for lesson in self.lessons:
            able, minutes = self.promises.get(lesson["file"], ("", ""))
            lesson.update(able=able, minutes=minutes)
        self._write(
            "index.html",
            "index.html.j2",
            title=COURSE,
            picture=picture("hero.png"),
            lessons=[each for each in self.lessons if "/" not in each["file"]],
            solutions=[each for each in self.lessons if "/" in each["file"]],
            words=bool(self.words),
            remark=remark,
        )
        words = sorted(self.words.items(), key=lambda item: item[0].lower())
        self._write("words.html", "words.html.j2", title="Words", words=words)

    def joined(self):
        """Write all lessons as one page, to print, and return its path."""
        parts = []
        for page, body in self.bodies.items():
            if "/" in page:
                continue
            # A place is named once only: by its lesson and its own name.
            stem = Path(page).stem
            body = re.sub(r'\bid="', f'id="{stem}-', body)
            body = re.sub(r'href="#', f'href="#{stem}-', body)
            body = re.sub(r'href="([^":#]+)\.html#', r'href="#\1-', body)
            body = re.sub(r'href="([^":#]+)\.html"', r'href="#\1"', body)
            parts.append(f'<section class="lesson" id="{stem}">{body}</section>')
        self._write("all.html", "lesson.html.j2", title=COURSE, body="\n".join(parts))
        return self.folder / "all.html"

    def _write(self, page, template, **values):
        values["up"] = "../" * page.count("/")
        path = self.folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        text = TEMPLATES.get_template(template).render(**values)
        path.write_text(text, encoding="utf-8")


def write_pdf(page, path):
    """Print a page to a tagged PDF with an outline, in a browser.

    Raises
    ------
    RuntimeError
        If there is no Playwright, or no Chromium or Chrome on PATH.
    """
    names = ["chromium", "chromium-browser", "google-chrome"]
    browser = next(filter(None, map(shutil.which, names)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser = None
    if browser is None:
        raise RuntimeError(
            "A PDF needs the package playwright, and chromium or google-chrome on PATH."
        )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser)
        sheet = chromium.new_page()
        sheet.goto(page.as_uri())
        margin = dict.fromkeys(("top", "right", "bottom", "left"), "18mm")
        sheet.pdf(path=path, format="A4", margin=margin, outline=True, tagged=True)
        chromium.close()
