"""Posted forms of the admin port. Any input results in text fields or in a clear problem."""

from aiohttp import web


class FormUnusable(Exception):
    """The body is not a form, or too long. ``status`` is the status code of the response."""

    def __init__(self, problem: str, status: int) -> None:
        """``problem`` for people."""
        super().__init__(problem)
        self.status = status


async def text_fields(request: web.Request) -> dict[str, str]:
    """The fields of a form as a browser posts it. Raise FormUnusable for everything else."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise FormUnusable("a form is expected", 415)
    try:
        return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    except web.HTTPRequestEntityTooLarge as error:
        raise FormUnusable("the form is too long: the limit is 256 kB, and the longest tokens have 75 kB", error.status) from None
    except (LookupError, ValueError) as error:
        raise FormUnusable("the form is not in UTF-8", 400) from error
