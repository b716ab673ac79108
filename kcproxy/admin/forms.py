"""Posted forms of the admin port, read with care: whatever a stranger posts, there are text fields or a problem in words."""

from aiohttp import web


class FormUnusable(Exception):
    """The body is no form, or too long; the message says so. ``status`` is the answer's."""

    def __init__(self, problem: str, status: int) -> None:
        """``problem`` for people."""
        super().__init__(problem)
        self.status = status


async def text_fields(request: web.Request) -> dict[str, str]:
    """The fields of a form as a browser posts it. FormUnusable for everything else."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise FormUnusable("a form is expected here", 415)
    try:
        return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    except web.HTTPRequestEntityTooLarge as error:
        raise FormUnusable("that is too long: 256 kB fit, and the longest tokens have 75", error.status) from None
    except (LookupError, ValueError) as error:
        raise FormUnusable("the form is not in UTF-8", 400) from error
