"""The HTTP filters of Envoy's configuration, as values."""

from typing import Any

from kcproxy.envoy.messages import ATTRIBUTES
from tools.deploy.envoy.matching import STATUS_CODES, request_patterns

LIMIT = "0.25s"
"""``message_timeout``: a refusal is delayed by at most this long if the processor does not respond. kcproxy ends look-ups before."""
CLUSTER = "kcproxy"
_TYPE = "@type"
_URL = "type.googleapis.com/"


def typed(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    """A ``TypedExtensionConfig``."""
    return {"name": name, "typed_config": {_TYPE: _URL + kind, **fields}}


def composite() -> dict[str, Any]:
    """The composite filter: it runs the external processor for refusals, and for the few operations of which the request body is needed."""
    matchers = [
        *({"predicate": _request(method, pattern), "on_match": _run(_whole_exchange())} for method, pattern in request_patterns().items()),
        {"predicate": _status(), "on_match": _run(_response_only())},
    ]
    return typed(
        "kcproxy",
        "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        extension_config=typed("composite", "envoy.extensions.filters.http.composite.v3.Composite"),
        xds_matcher={"matcher_list": {"matchers": matchers}},
    )


def router() -> dict[str, Any]:
    """The last filter."""
    return typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")


def lua(script: str) -> dict[str, Any]:
    """The Lua filter."""
    return typed("kcproxy", "envoy.extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": script})


def _run(processor: dict[str, Any]) -> dict[str, Any]:
    return {"action": typed("explain", "envoy.extensions.filters.http.composite.v3.ExecuteFilterAction", typed_config=processor)}


def _processor(mode: dict[str, str], **more: Any) -> dict[str, Any]:
    return typed(
        "envoy.filters.http.ext_proc",
        "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service={"envoy_grpc": {"cluster_name": CLUSTER}, "timeout": "10s"},
        failure_mode_allow=True,
        message_timeout=LIMIT,
        allow_mode_override=True,
        processing_mode=mode,
        **more,
    )


def _response_only() -> dict[str, Any]:
    mode = {"request_header_mode": "SKIP", "response_header_mode": "SEND", "response_body_mode": "BUFFERED_PARTIAL"}
    return _processor(mode, response_attributes=list(ATTRIBUTES))


def _whole_exchange() -> dict[str, Any]:
    mode = {
        "request_header_mode": "SEND",
        "request_body_mode": "BUFFERED_PARTIAL",
        "response_header_mode": "SEND",
        "response_body_mode": "BUFFERED_PARTIAL",
    }
    return _processor(mode, request_attributes=["source.address"])


def _regex(pattern: str) -> dict[str, Any]:
    return {"safe_regex": {"google_re2": {}, "regex": pattern}}


def _request(method: str, pattern: str) -> dict[str, Any]:
    return {
        "and_matcher": {
            "predicate": [
                {"single_predicate": {"input": _header(":method"), "value_match": {"exact": method}}},
                {"single_predicate": {"input": _header(":path"), "value_match": _regex(pattern)}},
            ]
        }
    }


def _header(name: str) -> dict[str, Any]:
    return typed(name, "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=name)


def _status() -> dict[str, Any]:
    status = typed("status", "envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput")
    return {"single_predicate": {"input": status, "value_match": _regex("|".join(map(str, STATUS_CODES)))}}
