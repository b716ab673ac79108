"""The decision: an ordered ladder of small rules, the surest finding first, the rest as alternatives."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from kcproxy.explain.context import Context
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, RANK, Finding, found
from kcproxy.explain.rules import addresses, guards, paths, realms, roles, scopes, tokens
from kcproxy.explain.rules import not_keycloak as responses
from kcproxy.explain.rules import revoked_tokens as withdrawn
from kcproxy.explain.rules import token_endpoint as endpoint
from kcproxy.explain.text import shown
from kcproxy.model import Basis, Cause, Confidence, Requirement, TargetKind, Verdict

Rule = Callable[[Context], Finding | None]

MAX_ALTERNATIVES = 6

_RESPONSES: tuple[Rule, ...] = (responses.https_required, responses.origin_not_allowed, responses.not_keycloak)

REFUSED: tuple[Rule, ...] = (
    responses.console_only,
    realms.token_of_other_realm,
    realms.server_wide_operation,
    guards.mapping_defect,
    realms.master_realm_role_missing,
    realms.master_realm_role_out_of_scope,
    realms.master_realm_role_not_in_token,
    guards.operation_impossible,
    scopes.scope_mapping_is_no_grant,
    roles.service_account_recreated,
    roles.user_token_used,
    realms.token_older_than_realm,
    roles.role_of_other_client,
    scopes.scope_excludes_role,
    scopes.roles_not_in_token,
    guards.escalation_guard,
    guards.protected_object,
    guards.fine_grained_permission_missing,
    guards.permissions_client,
    guards.target_needs_other_role,
    roles.role_revoked,
    roles.role_missing,
    roles.token_older_than_grant,
    roles.role_granted_to_other_account,
)
"""403 of the Admin REST API, in the order of which finding wins among equally sure ones."""

UNAUTHENTICATED: tuple[Rule, ...] = (
    tokens.token_missing,
    tokens.token_withheld,
    tokens.scheme_wrong,
    tokens.token_malformed,
    tokens.token_kind_wrong,
    tokens.signature_invalid,
    tokens.token_expired,
    tokens.token_not_yet_valid,
    tokens.realm_of_token_unknown,
    tokens.issuer_mismatch,
    tokens.signing_key_unknown,
    withdrawn.client_disabled,
    withdrawn.account_disabled,
    withdrawn.session_ended,
    withdrawn.not_before,
    tokens.realm_name_unsupported,
    tokens.proof_mismatch,
    tokens.proof_missing,
    guards.broker_login_defect,
    tokens.audience_missing,
    withdrawn.token_revoked,
    withdrawn.token_rejected,
)
"""401 of the Admin REST API."""

ADDRESSES: tuple[Rule, ...] = (
    responses.miss_not_keycloak,
    roles.refused_otherwise,
    addresses.path_not_normalised,
    addresses.headers_too_large,
    addresses.realm_unknown,
    addresses.base_path_wrong,
    addresses.path_wrong,
    addresses.feature_off,
    addresses.name_used_as_id,
    paths.operation_misspelt,
    tokens.unsigned_token_broke_it,
)
"""400, 404, 405, 431, 500, 501: explained only where a rule knows; the body is passed on as it is."""


def decide(context: Context) -> Verdict | None:
    """The verdict, or None where there is nothing to explain."""
    findings = _findings(context)
    if not findings:
        return None
    ranked = sorted(findings, key=lambda finding: RANK[finding.confidence])
    return _verdict(context, ranked[0], ranked[1:])


def _findings(context: Context) -> list[Finding]:
    status, kind = context.answer.status, context.request.target.kind
    early = _apply(_RESPONSES, context) if status in {401, 403} or kind is TargetKind.TOKEN else []
    if any(finding.confidence is CERTAIN for finding in early):
        return early
    if kind is TargetKind.TOKEN:
        return _token_endpoint(early, context)
    if status not in {401, 403}:
        return _apply(ADDRESSES, context)
    if kind is TargetKind.OTHER:
        return _apply((responses.other_endpoint,), context)
    if status == 401:
        return early + _unauthenticated(context)
    return early + [_doubted(finding) if early else finding for finding in _refused(context)]


def _doubted(finding: Finding) -> Finding:
    """Facts about roles prove little where the refusal itself may be somebody else's."""
    return replace(finding, confidence=LIKELY) if finding.confidence is CERTAIN else finding


def _token_endpoint(early: list[Finding], context: Context) -> list[Finding]:
    findings = early + _apply((endpoint.token_refused, addresses.base_path_wrong), context) + endpoint.open_causes(context)
    return findings or (_last_resort(context) if context.answer.status in {401, 403} else [])


def _refused(context: Context) -> list[Finding]:
    if not is_known(context.requirement):
        other_realm = realms.token_of_other_realm(context)
        return [other_realm or paths.method_unknown(context) or _unknown_operation(context)]
    return _apply(REFUSED, context) or _last_resort(context)


def _unauthenticated(context: Context) -> list[Finding]:
    return _apply(UNAUTHENTICATED, context) + withdrawn.open_causes(context)


def is_known(requirement: Requirement | None) -> bool:
    """Whether the table says which roles the operation needs."""
    return requirement is not None and requirement.undetermined is None and requirement.basis is not Basis.UNKNOWN


def _unknown_operation(context: Context) -> Finding:
    undetermined = context.requirement.undetermined if context.requirement else None
    reason = f"could not be determined: {shown(undetermined)}" if undetermined else "is not in the table"
    path = shown(context.request.target.raw_path)
    return found(context, Cause.OPERATION_UNKNOWN, POSSIBLE, f"{context.method} {path} {reason}", *responses.keycloak_says(context))


def _last_resort(context: Context) -> list[Finding]:
    finding = guards.unexplained(context)
    return [finding] if finding else []


def _apply(rules: Iterable[Rule], context: Context) -> list[Finding]:
    return [finding for rule in rules if (finding := rule(context)) is not None]


def _honest(finding: Finding) -> str:
    """A sentence that says so where it is not proven; those that claim no more than is known stay as they are."""
    if finding.confidence is CERTAIN or finding.cause in _CLAIM_NO_MORE:
        return finding.summary
    return f"{finding.summary.removesuffix('.')} ({finding.confidence.value})."


_CLAIM_NO_MORE = frozenset(
    {
        *(Cause.ROLE_MISSING, Cause.MASTER_ROLE_MISSING, Cause.OPERATION_UNKNOWN, Cause.UNEXPLAINED, Cause.TOKEN_REJECTED),
        *(Cause.CLIENT_UNKNOWN, Cause.CLIENT_CREDENTIALS_WRONG, Cause.USER_CREDENTIALS_WRONG, Cause.NAME_USED_AS_ID),
    }
)


def _verdict(context: Context, first: Finding, others: list[Finding]) -> Verdict:
    if first.confidence is Confidence.CERTAIN:
        others = [finding for finding in others if finding.confidence is Confidence.CERTAIN]
    seen = {first.cause}
    kept = [finding for finding in others if finding.cause not in seen and not seen.add(finding.cause)]  # type: ignore[func-returns-value]
    says = responses.keycloak_says(context)
    evidence = dict.fromkeys((*first.evidence, *(says if context.answer.status == 403 else ())))
    return Verdict(
        cause=first.cause,
        confidence=first.confidence,
        evidence=tuple(evidence),
        missing=first.missing,
        container=context.container,
        container_realm=context.container_realm,
        grantee=context.caller.username,
        alternatives=tuple(finding.alternative for finding in kept[:MAX_ALTERNATIVES]),
        facts={"summary": _honest(first), "grants_live": context.grants_live, **first.facts},
    )


__all__ = ["ADDRESSES", "REFUSED", "UNAUTHENTICATED", "decide", "is_known"]
