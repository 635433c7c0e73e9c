"""Put the address of this copy of the course everywhere: `make address URL=…`.

CITATION.cff keeps the address, so that it can be changed again. Badges that open the
course in the browser come from here alone; without an address there are none.
"""

import re
import sys
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "INSTRUCTORS.md"]
FIELD = "repository-code: "
START, END = "<!-- badges: see scripts/address.py -->\n", "<!-- end of badges -->\n"
LESSON = "notebooks/00_start_here.ipynb"
BADGE = "[![Open in {name}]({picture})]({link})\n"


def badges(address):
    """Return the badges for a repository, as Markdown."""
    host, _, name = address.removeprefix("https://").partition("/")
    place = f"gh/{name}" if host == "github.com" else f"git/{quote(address, safe='')}"
    text = BADGE.format(
        name="Binder",
        picture="https://mybinder.org/badge_logo.svg",
        link=f"https://mybinder.org/v2/{place}/HEAD?labpath={quote(LESSON, safe='')}",
    )
    if host == "github.com":
        text += BADGE.format(
            name="Colab",
            picture="https://colab.research.google.com/assets/colab-badge.svg",
            link=f"https://colab.research.google.com/github/{name}/blob/main/{LESSON}",
        )
        text += BADGE.format(
            name="nbviewer",
            picture="https://img.shields.io/badge/read-nbviewer-f37726",
            link=f"https://nbviewer.org/github/{name}/blob/main/{LESSON}",
        )
        tests = f"{address}/actions/workflows/test.yml"
        text += f"[![Tests]({tests}/badge.svg)]({tests})\n"
    return text


def main(arguments):
    """Replace the address that stands there now; print what was changed."""
    url = arguments[0].strip() if arguments else ""
    address = url.removesuffix("/").removesuffix(".git")
    if not re.fullmatch(r"https://[\w.-]+(/[\w.-]+){2,}", address):
        sys.exit(
            f'"{url}" is no address of a repository: name yours, as in: make address '
            "URL=https://github.com/your-name/your-course"
        )
    citation = ROOT / "CITATION.cff"
    text = citation.read_text(encoding="utf-8")
    field = re.search(rf"^{FIELD}(.+)\n", text, re.MULTILINE)
    current = field[1] if field else "ADDRESS"
    text = text.replace(field[0], "") if field else text
    text = text.replace("license: ", f"{FIELD}{address}\nlicense: ", 1)
    citation.write_text(text, encoding="utf-8")
    for name in PAGES:
        page = (ROOT / name).read_text(encoding="utf-8")
        before, start, rest = page.partition(START)
        if start:
            _, end, after = rest.partition(END)
            page = before + start + badges(address) + end + after
        # Badges have the new address already; the rest has the current one.
        page = re.sub(rf"(?<![\w/]){re.escape(current)}(?![\w/-])", address, page)
        (ROOT / name).write_text(page, encoding="utf-8")
    print(f"{', '.join(PAGES)} and CITATION.cff: {current} is now {address}.")


if __name__ == "__main__":
    main(sys.argv[1:])
