"""The part that is loaded late: table, claims, diagnosis, rendering. Everything in it is pure except the clock."""

import time
from dataclasses import dataclass, field

from msgspec import Struct

from kcproxy.catalog import Catalog, catalog_for
from kcproxy.catalog.targets import judge
from kcproxy.denial.client_members import user_agent_of
from kcproxy.denial.decisions import may_be_explained
from kcproxy.denial.evidence import CODINGS, SentRequest, decoded, request_facts, response_facts
from kcproxy.denial.explainer import CachingExplainer
from kcproxy.denial.response import accept_of, coding_of, enriched
from kcproxy.errors import RequestRefused
from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.headers import read_response
from kcproxy.middleware.address import base_path_in
from kcproxy.middleware.locks import Lock
from kcproxy.middleware.options import Options
from kcproxy.middleware.refusal import Explained, Refusal
from kcproxy.model import Answer, Caller, Detail, Facts, RequestFacts, Target
from kcproxy.settings import ExplainSettings

_HEAD = "HEAD"
_CODINGS_OF_LIBRARIES = CODINGS | {b"br", b"zstd"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A refusal with its facts. ``authorization``: the value of that field."""

    refusal: Refusal
    request: RequestFacts
    answer: Answer
    caller: Caller
    authorization: str | None = field(repr=False)


class LookedUp(Struct, frozen=True, kw_only=True):
    """What look-ups found in time. ``catalog`` and ``version``: of the server, if they were detected."""

    facts: Facts | None = None
    catalog: Catalog | None = None
    version: str | None = None


class Engine:
    """Explains refusals, with the table of one version."""

    def __init__(self, options: Options, *, base_path: str | None) -> None:
        """``base_path``: that of Keycloak, None to find it in each path. Loads the table."""
        self._base_path = base_path
        self.version = options.get("keycloak_version")
        self.catalog: Catalog = catalog_for(self.version)
        self._max_body_bytes = options.get("max_body_bytes", 65536)
        self._lock = Lock()
        self._explainer = CachingExplainer(
            ExplainSettings(
                detail=Detail(options.get("detail", "full")),
                keycloak_version=self.version,
                docs_url=options.get("docs_url"),
                console_url=options.get("console_url"),
                require_audience=options.get("require_audience"),
            )
        )

    def may_explain(self, status: int, method: str, raw_target: bytes) -> bool:
        """Whether a response of this status code may need an explanation."""
        try:
            _, target, _ = self._judged(method, raw_target, None)
        except RequestRefused:
            return False
        return may_be_explained(status, target.kind, target.raw_path)

    def case(self, refusal: Refusal) -> Case | None:
        """The facts of a refusal. None if its body cannot be read."""
        bodiless = refusal.method == _HEAD
        plain = refusal.body if bodiless else self._decoded(refusal)
        if plain is None:
            return None
        fields = refusal.request_fields
        content_type = _text(fields, b"content-type")
        raw_target, target, base_path = self._judged(refusal.method, refusal.raw_target, content_type)
        authorization, host = _text(fields, b"authorization"), _text(fields, b"host")
        sent = SentRequest(
            target=target,
            raw_target=raw_target,
            fields=fields,
            called_at=host,
            authorization=None if authorization is None else authorization.encode("utf-8", "replace"),
            body=refusal.request_body,
        )
        with self._lock:
            caller = self._explainer.caller(authorization, injected=refusal.injected)
        return Case(
            refusal=refusal,
            request=request_facts(sent, base_path=base_path, public_url=refusal.origin, in_process=True),
            answer=response_facts(refusal.status, refusal.response_fields, plain),
            caller=caller,
            authorization=authorization,
        )

    def explained(self, case: Case, looked_up: LookedUp | None) -> Explained | None:
        """The response with its explanation. None if no rule applies."""
        refusal = case.refusal
        if looked_up is not None and looked_up.catalog is not None and looked_up.catalog is not self.catalog:
            self.catalog = looked_up.catalog
            case = self.case(refusal) or case  # the table of this version may name another operation
        with self._lock:
            if looked_up is not None and looked_up.catalog is not None:
                self.version = looked_up.version
            explanation = self._explainer.explanation(
                case.request,
                case.caller,
                case.answer,
                authorization=case.authorization,
                facts=None if looked_up is None else looked_up.facts,
                catalog=self.catalog,
                version=self.version,
                now_epoch_seconds=time.time(),
            )
            if explanation is None:
                return None
            response = enriched(
                explanation,
                self._explainer,
                case.answer,
                fields=read_response(refusal.response_fields, b"", None),
                raw=refusal.body,
                accept=accept_of(refusal.request_fields),
                user_agent=user_agent_of(refusal.request_fields),
                bodiless=refusal.method == _HEAD,
            )
        fields = tuple(_field(line) for line in response.fields.lines)
        return Explained(fields=fields, body=response.body, explanation=explanation)

    def _judged(self, method: str, raw_target: bytes, content_type: str | None) -> tuple[str, Target, str]:
        base_path = self._base_path
        if base_path is None:
            base_path = base_path_in(raw_target.partition(b"?")[0].decode("utf-8", "surrogateescape"))
        sent, target = judge(self.catalog, method, raw_target, base_path=base_path, content_type=content_type)
        return sent, target, base_path

    def _decoded(self, refusal: Refusal) -> bytes | None:
        coding = coding_of(refusal.response_fields)
        plain = decoded(refusal.body, coding, self._max_body_bytes)
        if plain is not None:
            return plain
        if refusal.is_decoded:
            return refusal.body
        return refusal.decode() or None if refusal.decode is not None and _is_for_the_library(coding) else None


def _text(fields: RawHeaders, name: bytes) -> str | None:
    """The first value of a field."""
    return next((value.decode("utf-8", "replace") for key, value in fields if key.lower() == name), None)


def _is_for_the_library(coding: bytes | None) -> bool:
    """Whether only the client library may know these codings. Libraries leave out those that they do not know, so that the rest proves nothing."""
    names = {name.strip().lower() for name in (coding or b"").split(b",")}
    return names <= _CODINGS_OF_LIBRARIES and (len(names) > 1 or not names <= CODINGS)


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.removesuffix(b"\r\n").partition(b": ")
    return name, value
