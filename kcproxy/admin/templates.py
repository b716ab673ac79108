"""Renders the templates. Autoescaping is on for all of them. Values come from outside, are never markup, and contain only visible characters."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kcproxy.admin import listing, views
from kcproxy.admin.cause_texts import CausePage
from kcproxy.admin.listing import Query
from kcproxy.catalog import Catalog
from kcproxy.observe.denials.document import Document

if TYPE_CHECKING:
    from jinja2 import Environment

ASSETS = {
    "page.css": "text/css",
    "icon.svg": "image/svg+xml",
    **dict.fromkeys(("denials.js", "rows.js", "preview.js", "times.js", "copy.js", "tabs.js", "roles.js"), "text/javascript"),
}
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
MAX_ITEMS = 200


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - loaded with the first page, not at start

    loader = PackageLoader("kcproxy.admin", "html")
    environment = Environment(
        loader=loader, autoescape=True, finalize=views.seen, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.tests["is_web_url"] = environment.filters["is_web_url"] = views.is_web_url
    environment.filters.update(marked=views.marked, attribute=views.attribute, pieces=views.pieces)
    environment.filters.update(short=listing.short, bars=listing.bars, bars_path=listing.bars_path, bars_label=listing.bars_label)
    return environment


def load() -> None:
    """Load the template engine: 2 MB, and 0.1 s of CPU time."""
    _environment()


def is_loaded() -> bool:
    """True if rendering a page does not have to load the template engine."""
    return _environment.cache_info().currsize > 0


@cache
def asset(name: str) -> tuple[bytes, str] | None:
    """Content and media type of a file of the page; None for other names."""
    media_type = ASSETS.get(name)
    return None if media_type is None else (files("kcproxy.admin").joinpath("assets", name).read_bytes(), media_type)


def _page(template: str, here: str = "", *, signed_in: bool, **values: Any) -> str:
    text = _environment().get_template(template).render(here=here, signed_in=signed_in, **values)
    return text.encode("utf-8", "replace").decode("utf-8")  # a hostile path may contain what UTF-8 cannot encode


def login_page(*, problem: str | None) -> str:
    """The login form."""
    return _page("login.html", problem=problem, signed_in=False)


def denials_page(
    groups: Sequence[Document],
    query: Query,
    *,
    now_epoch_seconds: float,
    instance: str,
    several: bool,
    silent: Sequence[str],
    signed_in: bool,
) -> str:
    """The list that the address asks for. ``several``: with the names of instances. ``signed_in``, here and below: there is a session that can be ended."""
    found = listing.chosen(groups, query, now_epoch_seconds)[:MAX_ITEMS]
    return _page(
        "denials.html", "denials",
        groups=found, total=len(groups), facets=listing.facets(groups), query=query, sorts=listing.SORTS, blank=views.BLANK,
        now=now_epoch_seconds, instance=instance, several=several, silent=silent, signed_in=signed_in,
    )  # fmt: skip


def denial_page(document: Document, course: Document, *, signed_in: bool) -> str:
    """One complete denial, and the course of its kind (``views.course``)."""
    view, facts = views.sets_view(document), views.request_facts(document)
    return _page("denial.html", "denials", document=document, view=view, facts=facts, course=course, signed_in=signed_in)


def explain_page(*, method: str, path: str, status: str, answer: Document | None, problem: str | None, signed_in: bool) -> str:
    """The form, and below it the result: ``sentence``, and ``document`` or ``row``. The token is not shown again."""
    view = views.sets_view(answer["document"]) if answer is not None and answer["document"] is not None else None
    return _page(
        "explain.html", "explain",
        methods=METHODS, method=method, path=path, status=status, answer=answer, view=view, problem=problem, signed_in=signed_in,
    )  # fmt: skip


def roles_page(catalog: Catalog, q: str, *, signed_in: bool) -> str:
    """The role table, filtered."""
    rows = views.role_rows(catalog, q)
    return _page(
        "roles.html", "roles",
        rows=rows, total=len(catalog.operations), q=q, version=catalog.version, basis=catalog.basis.value, signed_in=signed_in,
    )  # fmt: skip


def tokens_page(accounts: Sequence[Document], *, signed_in: bool) -> str:
    """The accounts and the times of their tokens."""
    return _page("tokens.html", "tokens", accounts=accounts, signed_in=signed_in)


def least_privilege_page(
    rows: Sequence[Document],
    *,
    window: str,
    version: str,
    q: str,
    days: int,
    choices: Sequence[int],
    hidden: int,
    exceeded: Sequence[tuple[str, str, int]],
    signed_in: bool,
) -> str:
    """Callers, what they hold and what they used. ``hidden``: the number of callers that did not fit. ``exceeded``: limits, operations, requests."""
    return _page(
        "least_privilege.html", "least-privilege",
        rows=rows, window=window, version=version, q=q, days=days, choices=choices, hidden=hidden, exceeded=exceeded,
        signed_in=signed_in,
    )  # fmt: skip


def least_privilege_caller_page(
    parts: Sequence[Document], *, query: Mapping[str, str], window: str, version: str, days: int, user: str, signed_in: bool
) -> str:
    """One caller: for each owner of roles, the sets, the uses and the commands. ``query`` names the caller in an address."""
    return _page(
        "least_privilege_caller.html", "least-privilege",
        parts=parts, query=query, window=window, version=version, days=days, user=user, signed_in=signed_in,
    )  # fmt: skip


def causes_page(pages: Sequence[CausePage], *, signed_in: bool) -> str:
    """The list of all causes."""
    return _page("causes.html", pages=pages, signed_in=signed_in)


def cause_page(page: CausePage, *, signed_in: bool) -> str:
    """What a cause means, how to see it, how to fix it."""
    return _page("cause.html", page=page, signed_in=signed_in)


def message_page(title: str, text: str, *, signed_in: bool) -> str:
    """A short message, for example for an unknown denial."""
    return _page("message.html", title=title, text=text, signed_in=signed_in)
