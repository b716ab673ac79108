"""The pages of the causes, which links in explanations name: on the admin port, so that they open without the Internet."""

from aiohttp import web

from kcproxy.admin import templates as render
from kcproxy.admin.auth import is_signed_in
from kcproxy.admin.cause_texts import cause_page
from kcproxy.model import Cause


def add_routes(app: web.Application) -> None:
    """``/docs/causes`` and one page below it for each cause. They say nothing of requests."""
    app.router.add_get("/docs", _to_list)
    app.router.add_get("/docs/causes", _list)
    app.router.add_get("/docs/causes/", _to_list)
    app.router.add_get("/docs/causes/{cause}", _one)


async def _to_list(_request: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/docs/causes")


async def _list(_request: web.Request) -> web.Response:
    pages = [cause_page(cause) for cause in Cause]
    return _html(render.causes_page(pages, signed_in=is_signed_in()))


async def _one(request: web.Request) -> web.Response:
    try:
        cause = Cause(request.match_info["cause"].removesuffix(".md"))
    except ValueError:
        text = "kcproxy has no cause of this name. Explanations link to existing ones; all of them are at /docs/causes."
        return _html(render.message_page("Unknown cause", text, signed_in=is_signed_in()), 404)
    return _html(render.cause_page(cause_page(cause), signed_in=is_signed_in()))


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")
