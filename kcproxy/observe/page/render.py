"""Templates to text. Autoescaping is on for all of them; values come from outside and are never markup."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("kcproxy.observe.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def page(template: str, **values: Any) -> str:
    """One of ``templates/``, filled."""
    return _environment().get_template(template).render(**values)


def login_page(*, problem: str | None) -> str:
    """The form that asks for the admin key."""
    return page("login.html", problem=problem)
