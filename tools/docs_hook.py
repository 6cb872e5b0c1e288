"""Hook of MkDocs: pages may link to files of the project outside docs/; the studies are pages too.

A link such as `../studies/learning/README.md` works in an editor as it does on the site, where docs/ is the root
and what is linked lies beside it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(\]\()([^)#\s]+)")
PAGES = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    *(str(p.relative_to(ROOT)) for p in sorted(ROOT.glob("studies/*/README.md"))),
)


def on_files(files: Any, *, config: Any) -> Any:
    """Add the studies, and every file of the project that a page links to."""
    wanted = dict.fromkeys(PAGES)
    for page in [*PAGES, *(f"docs/{file.src_uri}" for file in files.documentation_pages())]:
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in _targets(page, text):
            if not target.startswith("docs/") and (ROOT / target).is_file():
                wanted[target] = None
    for path in wanted:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Turn links between files of the project into links between places of the site."""
    uri = page.file.src_uri
    source = uri if uri in PAGES else f"docs/{uri}"
    folder = posixpath.dirname(source)

    def moved(match: re.Match[str]) -> str:
        if ":" in match[2]:
            return match[0]
        target = posixpath.normpath(posixpath.join(folder, match[2]))
        return match[1] + posixpath.relpath(_on_site(target), _on_site(folder) or ".")

    return LINK.sub(moved, markdown)


def _targets(page: str, text: str) -> list[str]:
    links = [match[1] for match in LINK.findall(text) if ":" not in match[1]]
    return [posixpath.normpath(posixpath.join(posixpath.dirname(page), link)) for link in links]


def _on_site(path: str) -> str:
    return "" if path == "docs" else path.removeprefix("docs/")
