"""What MkDocs calls while it builds the site (mkdocs.yml): pages from outside of `docs/`, generated pages, links, and the Markdown dialect."""

from typing import Any

from mkdocs.structure.files import File, Files

from kcproxy import __version__, catalog
from tools.site import alerts, links, operations, roles
from tools.site.markdown import for_python_markdown, heading_id
from tools.site.navigation import expanded
from tools.site.sources import DOCS, ELSEWHERE, FILES, ROOT

ASSETS = (*sorted((ROOT / "tools" / "site" / "assets").iterdir()), ROOT / "kcproxy" / "admin" / "assets" / "icon.svg")
_NEWEST_TABLE = f"roles/{catalog.default_version()}.md"


def on_config(config: Any) -> Any:
    """The navigation with its folders expanded, and fragments of headings as GitHub makes them."""
    config.nav = expanded(config.nav, ROOT / DOCS)
    config.mdx_configs["toc"]["slugify"] = heading_id
    config.copyright = f"kcproxy {__version__}, Apache License 2.0"
    return config


def on_files(files: Any, *, config: Any) -> Files:
    """Adds the pages that are not in `docs/`, and the files that pages link to."""
    made = {place: (ROOT / path).read_text(encoding="utf-8") for path, place in ELSEWHERE.items()}
    made |= operations.documents() | {f"{alerts.FOLDER}/README.md": alerts.index()}
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    for asset in ASSETS:
        files.append(File.generated(config, f"assets/{asset.name}", abs_src_path=str(asset)))
    for path in sorted(_linked(files)):
        files.append(File.generated(config, f"{FILES}/{path}", abs_src_path=str(ROOT / path)))
    return files


def _linked(files: Any) -> set[str]:
    return {path for file in files.documentation_pages() for path in links.linked_files(file.content_string, file.src_uri, ROOT)}


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The Markdown of a page, as Python-Markdown reads it. Tables of older versions are not searched: each operation's page has all versions."""
    place = page.file.src_uri
    text = links.rewritten(markdown, place, ROOT)
    if roles.is_table(place):
        text = roles.with_addresses(text)
        if place != _NEWEST_TABLE:
            page.meta["search"] = {"exclude": True}
    if place == "index.md" or place.startswith(f"{operations.FOLDER}/"):
        page.meta["hide"] = ["navigation"]
    if place.startswith(f"{alerts.FOLDER}/") and not place.endswith("README.md"):
        text = alerts.with_rule(text, place)
    return for_python_markdown(text)
