"""Explains a request offline: the form and its API. The token is in memory for one response, and is neither stored nor logged."""

import json
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from msgspec import Struct

from kcproxy.admin import explain_text as offline
from kcproxy.admin import templates as render
from kcproxy.admin.auth import is_signed_in
from kcproxy.admin.forms import FormUnusable, text_fields
from kcproxy.admin.pasted_token import TokenUnusable, authorization
from kcproxy.catalog import Catalog
from kcproxy.catalog.documents import entry_document
from kcproxy.explain.claims import read_caller
from kcproxy.explain.offline import Asked, OfflineResult, Outcome, asked, judge_offline
from kcproxy.model import CallerKind
from kcproxy.observe.denials.document import Document, document, encoded
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.observer import LiveObserver

OBSERVER: web.AppKey[LiveObserver] = web.AppKey("observer", LiveObserver)
MAX_PATH_CHARACTERS = 4000
STATUSES = ("401", "403")
_NOT_JSON = "the body must be a JSON object with method, path, and optionally token and status"


class QuestionUnusable(Exception):
    """The form or the JSON body is incomplete or invalid. The message says what to give."""


class Question(Struct, frozen=True, kw_only=True):
    """A method, a path or URL with its query, the value of the caller's ``Authorization``, and the status code if it is given."""

    method: str
    place: str
    authorization: str | None
    status: int | None


def add_routes(app: web.Application) -> None:
    """Add the routes of the form and of its API."""
    app.router.add_get("/explain", _form)
    app.router.add_post("/explain", _respond_to_form)
    app.router.add_post("/api/explain", _respond_to_json)


def html(text: str, status: int = 200) -> web.Response:
    """A page as a response."""
    return web.Response(text=text, status=status, content_type="text/html")


def question(given: Mapping[str, Any]) -> Question:
    """Check the input. Raise QuestionUnusable if it cannot be used."""
    method, place, token, status = (given.get(name) for name in ("method", "path", "token", "status"))
    place = place.strip() if isinstance(place, str) else ""
    if not place.startswith(("/", "http://", "https://")) or len(place) > MAX_PATH_CHARACTERS:
        raise QuestionUnusable('"path" must be the path of the request, as /admin/realms/my-realm/users')
    if method not in render.METHODS:
        raise QuestionUnusable(f'"method" must be one of {", ".join(render.METHODS)}')
    if status not in {None, "", 401, 403, *STATUSES}:
        raise QuestionUnusable('"status" must be 401 or 403, or be left out')
    if token is not None and not isinstance(token, str):
        raise QuestionUnusable('"token" must be a text')
    try:
        header = authorization(token or "")
    except TokenUnusable as error:
        raise QuestionUnusable(f'"token" must be an access token: {error}') from error
    return Question(method=method, place=place, authorization=header, status=int(status) if status else None)


def judged(question: Question, catalog: Catalog, now_epoch_seconds: float) -> tuple[Asked, OfflineResult]:
    """Diagnose the call offline."""
    try:
        call = asked(catalog, question.method, question.place)
    except ValueError as error:
        raise QuestionUnusable('"path" must be a path or a URL that can be read') from error
    caller, status = read_caller(question.authorization), question.status
    if caller.kind is CallerKind.ANONYMOUS and status == 403:
        status = None  # the caller is not known, so only the required roles can be shown
    if caller.kind is CallerKind.UNREADABLE and status == 403:
        raise QuestionUnusable(f'"token" must be an access token, as Keycloak has read one where it answers 403: {caller.problem}')
    return call, judge_offline(catalog, call, caller, status=status, version=None, now_epoch_seconds=now_epoch_seconds)


def _document(diagnosis: OfflineResult, now_epoch_seconds: float) -> Document | None:
    """The explanation as the document of a denial. None if nothing was refused, or nothing is known."""
    found = diagnosis.explanation
    if found is None:
        return None
    record = RequestRecord(target=found.request.target, status=found.answer.status, duration_seconds=0.0)
    return document(found, record, now_epoch_seconds)


async def _form(request: web.Request) -> web.Response:
    query = request.query
    return html(
        render.explain_page(
            method=query.get("method", "GET"),
            path=query.get("path", ""),
            status="",
            answer=None,
            problem=None,
            signed_in=is_signed_in(),
        )
    )


async def _respond_to_form(request: web.Request) -> web.Response:
    shown = {"method": "GET", "path": "", "status": ""}
    try:
        given = await text_fields(request)
        shown = {name: given.get(name, "") for name in shown}
        answer, status, problem = _respond(request, given), 200, None
    except FormUnusable as error:
        answer, status, problem = None, error.status, str(error)
    except QuestionUnusable as error:
        answer, status, problem = None, 400, str(error)
    return html(render.explain_page(**shown, answer=answer, problem=problem, signed_in=is_signed_in()), status)


def _respond(request: web.Request, given: Mapping[str, Any]) -> Document:
    """What the page shows: a sentence, and the explanation or the line of the role table."""
    now = time.time()
    catalog = _catalog(request)
    call, diagnosis = judged(question(given), catalog, now)
    entry = catalog.entry(call.target) if diagnosis.outcome is Outcome.NEEDS else None
    return {
        "sentence": offline.sentence(catalog, call, diagnosis),
        "document": _document(diagnosis, now),
        "row": None if entry is None else offline.row(entry, diagnosis),
    }


async def _respond_to_json(request: web.Request) -> web.Response:
    try:
        given = json.loads(await request.read())
        now = time.time()
        catalog = _catalog(request)
        call, diagnosis = judged(question(given if isinstance(given, dict) else {}), catalog, now)
    except QuestionUnusable as error:
        return web.json_response({"error": str(error)}, status=400)
    except (ValueError, RecursionError):
        return web.json_response({"error": _NOT_JSON}, status=400)
    found, need, entry = _document(diagnosis, now), diagnosis.requirement, catalog.entry(call.target)
    answer = {
        "keycloak": catalog.version,
        "outcome": diagnosis.outcome.value,
        "status": diagnosis.status,
        "roles": list(diagnosis.held),
        "least": list(need.least) if need is not None and need.least is not None else None,
        "operation": None if entry is None else entry_document(entry),
        "explanation": None if found is None else found["explanation"],
    }
    return web.Response(body=encoded(answer), content_type="application/json")


def _catalog(request: web.Request) -> Catalog:
    catalog = request.app[OBSERVER].catalog
    if catalog is None:
        raise QuestionUnusable("this process has no role table loaded")
    return catalog
