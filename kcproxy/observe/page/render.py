"""Templates to text. Autoescaping is on for all of them; values come from outside and are never markup."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from kcproxy.catalog import Catalog
from kcproxy.observe.documents import Document
from kcproxy.observe.page import views

ASSETS = {
    "page.css": "text/css",
    "icon.svg": "image/svg+xml",
    **dict.fromkeys(("denials.js", "times.js", "copy.js", "roles.js"), "text/javascript"),
}
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
MAX_ITEMS = 200


@cache
def _environment() -> Environment:
    loader = PackageLoader("kcproxy.observe.page")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.tests["is_web_url"] = environment.filters["is_web_url"] = views.is_web_url
    return environment


@cache
def asset(name: str) -> tuple[bytes, str] | None:
    """Content and media type of one of the page's own files; None for any other name."""
    media_type = ASSETS.get(name)
    return None if media_type is None else (files("kcproxy.observe.page").joinpath("assets", name).read_bytes(), media_type)


def _page(template: str, here: str = "", **values: Any) -> str:
    text = _environment().get_template(template).render(here=here, **values)
    return text.encode("utf-8", "replace").decode("utf-8")  # a hostile path may hold what UTF-8 cannot


def login_page(*, problem: str | None) -> str:
    """The form that asks for the admin key."""
    return _page("login.html", problem=problem)


def denials_page(groups: Sequence[Document], *, q: str, why: str, only_open: bool) -> str:
    """The list, filtered."""
    found = views.matching(groups, q, why, only_open=only_open)[:MAX_ITEMS]
    return _page(
        "denials.html", "denials",
        groups=found, total=len(groups), causes=views.causes(groups), q=q, why=why, only_open=only_open, blank=views.BLANK,
    )  # fmt: skip


def denial_page(document: Document, *, count: int, resolved_at: str | None) -> str:
    """One denial, whole."""
    view, facts = views.sets_view(document), views.request_facts(document)
    return _page("denial.html", "denials", document=document, view=view, facts=facts, count=count, resolved_at=resolved_at)


def explain_page(*, method: str, path: str, status: str, document: Document | None, problem: str | None) -> str:
    """The form, and below it the explanation. The token is not shown again."""
    view = None if document is None else views.sets_view(document)
    return _page(
        "explain.html", "explain", methods=METHODS, method=method, path=path, status=status, document=document, view=view, problem=problem
    )


def roles_page(catalog: Catalog, q: str) -> str:
    """The role table, searched."""
    rows = views.role_rows(catalog, q)
    return _page("roles.html", "roles", rows=rows, total=len(catalog.operations), q=q, version=catalog.version, basis=catalog.basis.value)


def message_page(title: str, text: str) -> str:
    """A plain word, as for what is not found."""
    return _page("message.html", title=title, text=text)
