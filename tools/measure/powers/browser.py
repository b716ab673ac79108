"""A minimal browser for Keycloak's login pages: cookies, redirects, forms; no scripts."""

import hashlib
import html
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import aiohttp
from yarl import URL

CONSOLE = "security-admin-console"
"""A client that every realm has, whose tokens the Admin REST API takes, and which may redirect to a page of the server itself."""
FORM = re.compile(r"<form\b[^>]*\baction=\"([^\"]*)\"[^>]*>(.*?)</form>", re.DOTALL)
HIDDEN = re.compile(r"<input\b(?=[^>]*type=\"hidden\")[^>]*>")
ATTRIBUTE = re.compile(r"\b(name|value)=\"([^\"]*)\"")
TITLE = re.compile(r"<title>\s*(.*?)\s*</title>", re.DOTALL)
LINK = re.compile(r"href=\"([^\"]*)\"")
REDIRECTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where a browser is: the address, what the page says, and the code where the login has ended."""

    url: str
    text: str = ""
    code: str = ""

    @property
    def title(self) -> str:
        """The page's title."""
        found = TITLE.search(self.text)
        return html.unescape(found[1]) if found else ""

    @property
    def form(self) -> tuple[str, dict[str, str]] | None:
        """The first form: its absolute action and its hidden fields."""
        found = FORM.search(self.text)
        if found is None:
            return None
        hidden = [dict(ATTRIBUTE.findall(each)) for each in HIDDEN.findall(found[2])]
        return urljoin(self.url, html.unescape(found[1])), {each["name"]: each.get("value", "") for each in hidden if "name" in each}

    def link(self, part: str) -> str | None:
        """The first link whose address contains this text, absolute."""
        found = (urljoin(self.url, html.unescape(each)) for each in LINK.findall(self.text))
        return next((each for each in found if part in each), None)


class Browser:
    """One browser; use it as a context."""

    def __init__(self, *, base_url: str, realm: str) -> None:
        """`base_url` of the server; `realm` to log in to."""
        self._base_url, self._realm = base_url, realm
        self._verifier = secrets.token_urlsafe(48)
        self._client, self._redirect = CONSOLE, f"{base_url}/admin/{realm}/console/"
        self._secret = ""
        jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(base_url))
        self._session = aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=120))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def start(
        self, *, client: str = CONSOLE, redirect: str = "", secret: str = "", provider: str = "", scope: str = "openid"
    ) -> Page:
        """Ask for a login at a client; with `provider` straight at that identity provider."""
        self._client, self._redirect, self._secret = client, redirect or self._redirect, secret
        challenge = urlsafe_b64encode(hashlib.sha256(self._verifier.encode()).digest()).rstrip(b"=").decode()
        fields = {"client_id": client, "redirect_uri": self._redirect, "response_type": "code", "scope": scope, "state": "s"}
        fields |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        fields |= {"kc_idp_hint": provider} if provider else {}
        return await self.open(f"{self._base_url}/realms/{self._realm}/protocol/openid-connect/auth?{urlencode(fields)}")

    async def open(self, url: str) -> Page:
        """Go to an address and follow redirects."""
        return await self._followed("GET", url, None)

    async def submit(self, page: Page, fields: Mapping[str, str]) -> Page:
        """Send the page's form; a page without one stays if it is."""
        if page.form is None:
            return page
        action, hidden = page.form
        return await self._followed("POST", action, {**hidden, **fields})

    async def finished(self, page: Page) -> str:
        """The access token that the code at the end of a login gives; empty if there is none."""
        if not page.code:
            return ""
        fields = {"grant_type": "authorization_code", "client_id": self._client, "redirect_uri": self._redirect}
        fields |= {"code": page.code, "code_verifier": self._verifier} | ({"client_secret": self._secret} if self._secret else {})
        address = f"{self._base_url}/realms/{self._realm}/protocol/openid-connect/token"
        async with self._session.post(address, data=fields) as answer:
            return str((await answer.json()).get("access_token", "")) if answer.status == 200 else ""

    async def _followed(self, method: str, url: str, fields: Mapping[str, str] | None) -> Page:
        for _ in range(REDIRECTS):
            if url.startswith(self._redirect) and "code=" in url:
                parts = urlsplit(url)
                return Page(url=url, code=parse_qs(parts.query or parts.fragment).get("code", [""])[0])
            async with self._session.request(method, URL(url, encoded=True), data=fields, allow_redirects=False) as answer:
                if answer.status not in (301, 302, 303, 307):
                    return Page(url=url, text=await answer.text(errors="replace"))
                url, method, fields = urljoin(url, answer.headers["Location"]), "GET", None
        return Page(url=url)

    def take_cookies(self, cookies: Iterable[str]) -> None:
        """Keep what Set-Cookie fields of another answer say: an impersonation hands its session over in them."""
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self._session.cookie_jar.update_cookies({name: value.strip('"')}, URL(f"{self._base_url}/realms/{self._realm}/"))
