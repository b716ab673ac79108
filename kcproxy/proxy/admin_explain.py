"""Explaining a request offline: the form and its API. The token is read in memory for one answer; it is neither kept nor logged."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from kcproxy.catalog import Catalog
from kcproxy.explain.claims import read_caller
from kcproxy.explain.explanation import explain
from kcproxy.model import Answer, Explanation, RequestFacts
from kcproxy.observe.documents import Document, document, encoded
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.page import render

OBSERVER: web.AppKey[LiveObserver] = web.AppKey("observer", LiveObserver)
OFFLINE_ID = "offline"
MAX_PATH_CHARACTERS = 4000
_REASONS = {"401": "Unauthorized", "403": "Forbidden"}


class QuestionUnusable(Exception):
    """The form or the JSON body lacks something; the message says what to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A method on a path (query and all), the token of whoever calls, and the status that he got."""

    method: str
    path: str
    token: str | None
    status: str


def add_routes(app: web.Application) -> None:
    """The form, its target, and the same for programs."""
    app.router.add_get("/explain", _form)
    app.router.add_post("/explain", _answer_form)
    app.router.add_post("/api/explain", _answer_json)


def html(text: str, status: int = 200) -> web.Response:
    """A page as an answer."""
    return web.Response(text=text, status=status, content_type="text/html")


def question(given: Mapping[str, Any]) -> Question:
    """What is asked, checked. QuestionUnusable where it cannot be answered."""
    method, path, token, status = (given.get(name) for name in ("method", "path", "token", "status"))
    path = _path_of(path) if isinstance(path, str) else ""
    if not path.startswith("/") or len(path) > MAX_PATH_CHARACTERS:
        raise QuestionUnusable('"path" must be the path of the request, as /admin/realms/my-realm/users')
    if method not in render.METHODS:
        raise QuestionUnusable(f'"method" must be one of {", ".join(render.METHODS)}')
    if str(status or "403") not in _REASONS:
        raise QuestionUnusable('"status" must be 401 or 403')
    if token is not None and not isinstance(token, str):
        raise QuestionUnusable('"token" must be a text')
    return Question(method=method, path=path, token=(token or "").strip() or None, status=str(status or "403"))


def explained(asked: Question, catalog: Catalog, now_epoch_seconds: float) -> Document | None:
    """The document of the explanation, as a denial's; None where there is nothing to explain."""
    path, _, query = asked.path.partition("?")
    base_path = path[: max(path.find("/admin/realms"), 0)]
    target = catalog.target(asked.method, path, base_path=base_path)
    request = RequestFacts(target=target, query=_query(query), base_path=base_path)
    answer = Answer(
        status=int(asked.status),
        headers={"content-type": "application/json"},
        json={"error": f"HTTP {asked.status} {_REASONS[asked.status]}"},
    )
    found = explain(
        explanation_id=OFFLINE_ID,
        request=request,
        caller=read_caller(_authorization(asked.token)),
        answer=answer,
        catalog=catalog,
        facts=None,
        now_epoch_seconds=now_epoch_seconds,
    )
    return None if found is None else _document(found, now_epoch_seconds)


def _document(found: Explanation, now_epoch_seconds: float) -> Document:
    record = RequestRecord(target=found.request.target, status=found.answer.status, duration_seconds=0.0)
    return document(found, record, now_epoch_seconds)


def _authorization(token: str | None) -> str | None:
    if token is None:
        return None
    return token if token.lower().startswith(("bearer ", "dpop ")) else f"Bearer {token}"


def _path_of(pasted: str) -> str:
    """The path and query of what was pasted: a path, or a whole URL."""
    if not pasted.startswith(("http://", "https://")):
        return pasted.strip()
    return "/" + pasted.strip().split("://", 1)[1].partition("#")[0].partition("/")[2]


def _query(text: str) -> dict[str, tuple[str, ...]]:
    pairs = [part.partition("=") for part in text.split("&") if part]
    return {name: tuple(value for other, _, value in pairs if other == name) for name, _, _ in pairs}


async def _form(request: web.Request) -> web.Response:
    query = request.query
    method = query.get("method", "GET")
    return html(render.explain_page(method=method, path=query.get("path", ""), status="403", document=None, problem=None))


async def _answer_form(request: web.Request) -> web.Response:
    given = await request.post()
    shown = {name: str(given.get(name, "")) for name in ("method", "path", "status")}
    try:
        found = _find(request, given)
    except QuestionUnusable as error:
        return html(render.explain_page(**shown, document=None, problem=str(error)), 400)
    problem = None if found is not None else "Nothing is known that could be said about this request."
    return html(render.explain_page(**shown, document=found, problem=problem))


async def _answer_json(request: web.Request) -> web.Response:
    try:
        given = await request.json()
        found = _find(request, given if isinstance(given, dict) else {})
    except (QuestionUnusable, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        words = (
            str(error)
            if isinstance(error, QuestionUnusable)
            else "the body must be a JSON object: method, path, and perhaps token and status"
        )
        return web.json_response({"error": words}, status=400)
    explanation = None if found is None else found["explanation"]
    return web.Response(body=encoded({"explanation": explanation}), content_type="application/json")


def _find(request: web.Request, given: Mapping[str, Any]) -> Document | None:
    catalog = request.app[OBSERVER].catalog
    if catalog is None:
        raise QuestionUnusable("this process has no role table loaded")
    return explained(question(given), catalog, time.time())
