"""The cause of 404 and 405 below /admin/realms: a path or method that no operation of this version has, and what was probably meant."""

from collections.abc import Iterator
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache

from kcproxy.catalog import Catalog
from kcproxy.explain.causes.addresses import no_such_path, path_wrong
from kcproxy.explain.causes.spec import CauseSpec, Remedy
from kcproxy.explain.context import Context
from kcproxy.explain.finding import LIKELY, Finding, found
from kcproxy.explain.text import list_of, shown
from kcproxy.model import Cause, TargetKind

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NEAR = 0.8  # similarity as measured by difflib: user and users, realm and realms
_SLIP = 3  # surplus and missing letters; a wrong letter counts as both
_MAX_SEGMENTS = 20


def method_unknown(context: Context) -> Finding | None:
    """403 for a method that the path does not support: Keycloak finds the object in the path and checks the caller before it looks at the method."""
    target = context.request.target
    if target.kind is not TargetKind.ADMIN_UNKNOWN:
        return None
    methods = [method for method in _METHODS if _is_operation(context.catalog, method, target.raw_path, context.request.base_path)]
    if not methods or context.method in methods:
        return None
    evidence = f"{context.method} {shown(target.raw_path)} is not in the table, but other methods at this path are"
    return found(Cause.PATH_WRONG, LIKELY, evidence, reason=_OTHER_METHOD, methods=list_of(methods), asked=context.method)


def operation_misspelt(context: Context) -> Finding | None:
    """Neither Keycloak nor the table has this path. Never certain: an extension may define its own paths."""
    if context.request.target.kind is not TargetKind.ADMIN_UNKNOWN or not no_such_path(context):
        return None
    evidence = f"the request is {context.method} {shown(context.request.target.raw_path)}"
    path, base = context.request.target.raw_path, context.request.base_path
    methods = [method for method in _METHODS if _is_operation(context.catalog, method, path, base)]
    if methods:
        return found(Cause.PATH_WRONG, LIKELY, evidence, reason=_OTHER_METHOD, methods=list_of(methods), asked=context.method)
    return found(Cause.PATH_WRONG, LIKELY, evidence, detail=_detail(context))


_OTHER_METHOD = "Keycloak does not support {asked} at this path, only {methods}"


def corrected(catalog: Catalog, path: str, base_path: str = "") -> tuple[str, str, str] | None:
    """A segment of the path, the word that was probably meant, and the corrected path, if that is the path of an operation."""
    for was, near, fixed in _corrections(catalog, path):
        if any(_is_operation(catalog, method, fixed, base_path) for method in _METHODS):
            return was, near, fixed
    return None


def _detail(context: Context) -> str:
    path, base, catalog = context.request.target.raw_path, context.request.base_path, context.catalog
    if found_word := corrected(catalog, path, base):
        was, near, _ = found_word
        return f"no operation has the segment /{shown(was, 60)} there; /{near} was probably meant"
    return f"no operation of the Admin REST API of Keycloak {context.words['version']} has this path (encode a slash in a name as %2F)"


def _is_operation(catalog: Catalog, method: str, path: str, base_path: str) -> bool:
    return catalog.target(method, path, base_path=base_path).kind is TargetKind.ADMIN


def _corrections(catalog: Catalog, path: str) -> Iterator[tuple[str, str, str]]:
    """One segment at a time replaced by the most similar word of the API."""
    segments = path.split("/")
    words = _words(catalog)
    for position, segment in enumerate(segments[:_MAX_SEGMENTS]):
        same_start = [word for word in words if word[:1] == segment[:1].lower() and abs(len(word) - len(segment)) <= 2]
        near = get_close_matches(segment.lower(), same_start, 1, _NEAR) if segment and segment not in words else []
        if near and _is_slip(segment.lower(), near[0]):
            yield segment, near[0], "/".join([*segments[:position], near[0], *segments[position + 1 :]])


def _is_slip(one: str, other: str) -> bool:
    """Whether two words differ by one or two letters. client-types is not a misspelt client-scopes, but an endpoint of another version."""
    same = sum(block.size for block in SequenceMatcher(None, one, other).get_matching_blocks())
    return len(one) + len(other) - 2 * same <= _SLIP


@lru_cache(maxsize=4)
def _words(catalog: Catalog) -> frozenset[str]:
    """Every literal segment of the paths in the table."""
    paths = (entry.operation.path for entry in catalog.operations)
    return frozenset(segment for path in paths for segment in path.split("/") if segment and not segment.startswith("{"))


PATH_WRONG = CauseSpec(
    cause=Cause.PATH_WRONG,
    meaning="The path does not exist as it is written. Usually the base URL of a client library ends with `/admin`, or a path was copied from a document without its beginning.",
    reason="Keycloak has nothing at this path: {detail}",
    effect=" ({operation}).",
    check="Paths of the Admin REST API are /admin/realms/{{realm}}/… below the base path of the server.",
    rules=(path_wrong, method_unknown, operation_misspelt),
    remedies=(
        Remedy(
            summary="Call /admin/realms/ and the realm name below the server URL, with method and path from the API documentation of this version; "
            "the URL in the settings of the program ends before /admin"
        ),
    ),
)

SPECS = (PATH_WRONG,)
