"""The decision: rules in a fixed order; the finding with the highest confidence is the verdict, the others are alternatives."""

from collections.abc import Iterable

from kcproxy.explain import wording
from kcproxy.explain.causes import (
    SPECS,
    addresses,
    client_registration,
    defects,
    guards,
    issuers,
    neighbours,
    not_keycloak,
    open_refusals,
    paths,
    permissions,
    realms,
    revoked_tokens,
    roles,
    scopes,
    token_endpoint,
    tokens,
)
from kcproxy.explain.context import Context
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, RANK, Finding, Rule
from kcproxy.explain.keycloak_responses import keycloak_says
from kcproxy.explain.text import sentence
from kcproxy.explain.unseen_body import doubted
from kcproxy.model import Basis, Cause, Requirement, RoleSet, TargetKind, Verdict

MAX_ALTERNATIVES = 6

RESPONSES: tuple[Rule, ...] = (not_keycloak.https_required, not_keycloak.origin_not_allowed, not_keycloak.not_keycloak)
"""For every refusal: what the response itself shows."""

REFUSED: tuple[Rule, ...] = (
    not_keycloak.console_only,
    realms.token_of_other_realm,
    realms.server_wide_operation,
    open_refusals.open_refusal,
    guards.protected_role,
    defects.reserved_name_defect,
    defects.admin_name_defect,
    defects.mapping_defect,
    defects.realm_mapping_defect,
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
    guards.only_realm_admin,
    guards.escalation_guard,
    guards.protected_object,
    permissions.fine_grained_permission_missing,
    permissions.fine_grained_permission_denied,
    guards.permissions_client,
    guards.target_needs_other_role,
    roles.role_revoked,
    roles.role_missing,
    roles.token_older_than_grant,
    roles.role_granted_to_other_account,
    permissions.permission_may_deny,
)
"""403 of the Admin REST API. Among findings with equal confidence the earlier one wins."""

UNAUTHENTICATED: tuple[Rule, ...] = (
    tokens.token_missing,
    tokens.token_withheld,
    tokens.scheme_wrong,
    tokens.token_malformed,
    tokens.token_kind_wrong,
    issuers.signature_invalid,
    tokens.token_expired,
    tokens.token_not_yet_valid,
    tokens.realm_of_token_unknown,
    issuers.issuer_mismatch,
    issuers.signing_key_unknown,
    revoked_tokens.client_disabled,
    revoked_tokens.account_disabled,
    revoked_tokens.session_ended,
    revoked_tokens.not_before,
    tokens.realm_name_unsupported,
    issuers.proof_mismatch,
    issuers.proof_missing,
    defects.broker_login_defect,
    issuers.audience_missing,
    revoked_tokens.token_revoked,
    revoked_tokens.token_rejected,
)
"""401 of the Admin REST API."""

ADDRESSES: tuple[Rule, ...] = (
    not_keycloak.miss_not_keycloak,
    roles.refused_otherwise,
    addresses.path_not_normalised,
    addresses.headers_too_large,
    addresses.realm_unknown,
    addresses.base_path_wrong,
    addresses.path_wrong,
    addresses.feature_off,
    addresses.name_used_as_id,
    paths.operation_misspelt,
    issuers.unsigned_token_broke_it,
)
"""400, 404, 405, 431, 500, 501: explained only if a rule applies; the body is passed on unchanged."""


NEIGHBOURS: tuple[Rule, ...] = (client_registration.registration_policy, neighbours.other_endpoint)
"""401 and 403 of endpoints next to the Admin REST API."""


TOKEN_ENDPOINT: tuple[Rule, ...] = (token_endpoint.token_refused, addresses.base_path_wrong)
"""Refusals of the token endpoint."""


def decide(context: Context) -> Verdict | None:
    """The verdict, or None if there is nothing to explain."""
    findings = _findings(context)
    if not findings:
        return None
    ranked = sorted(findings, key=lambda finding: RANK[finding.confidence])
    if context.request.body_unseen:
        ranked = [doubted(context, finding) for finding in ranked]
    return verdict(context, ranked[0], ranked[1:])


def _findings(context: Context) -> list[Finding]:
    status, kind = context.answer.status, context.request.target.kind
    early = _apply(RESPONSES, context) if status in {401, 403} or kind is TargetKind.TOKEN else []
    if any(finding.confidence is CERTAIN for finding in early):
        return early
    if kind is TargetKind.TOKEN:
        return _token_endpoint(early, context)
    if status not in {401, 403}:
        return _apply(ADDRESSES, context)
    if kind is TargetKind.OTHER:
        return _apply(NEIGHBOURS, context)
    if status == 401:
        return early + _apply(UNAUTHENTICATED, context) + revoked_tokens.left_open(context)
    return early + [_doubted(finding) if early else finding for finding in _refused(context)]


def _doubted(finding: Finding) -> Finding:
    """Facts about roles prove little if the refusal may not come from Keycloak."""
    return finding._replace(confidence=LIKELY) if finding.confidence is CERTAIN else finding


def _token_endpoint(early: list[Finding], context: Context) -> list[Finding]:
    findings = early + _apply(TOKEN_ENDPOINT, context) + token_endpoint.left_open_at_token_endpoint(context)
    return findings or ([open_refusals.unexplained(context)] if context.answer.status in {401, 403} else [])


def _refused(context: Context) -> list[Finding]:
    if not is_known(context.requirement):
        return [realms.token_of_other_realm(context) or paths.method_unknown(context) or guards.unknown_operation(context)]
    findings = _without_guard_beside_defect(_apply(REFUSED, context)) + open_refusals.left_open(context)
    if any(finding.confidence is not POSSIBLE for finding in findings):
        findings = [finding for finding in findings if finding.cause is not Cause.UNEXPLAINED]
    return findings or [open_refusals.unexplained(context)]


def _without_guard_beside_defect(findings: list[Finding]) -> list[Finding]:
    """A defect is found only for callers who have what the guard requires, so that the guard itself is no explanation."""
    if not any(finding.cause is Cause.KNOWN_DEFECT for finding in findings):
        return findings
    return [finding for finding in findings if finding.cause is not Cause.ESCALATION_GUARD]


def is_known(requirement: Requirement | None) -> bool:
    """Whether the table says which roles the operation requires."""
    return requirement is not None and requirement.undetermined is None and requirement.basis is not Basis.UNKNOWN


def _apply(rules: Iterable[Rule], context: Context) -> list[Finding]:
    return [finding for rule in rules if (finding := rule(context)) is not None]


def verdict(context: Context, first: Finding, others: Iterable[Finding] = ()) -> Verdict:
    """The first finding in words, with the others as alternatives: one for each cause, and only certain ones beside a certain one."""
    shared: dict[RoleSet, wording.Words] = {}
    spec, words = SPECS[first.cause], wording.words_of(context, first, shared)
    says = keycloak_says(context) if context.answer.status == 403 else ()
    facts = {"summary": wording.summary(spec, first, words), "grants_live": context.grants_live, **first.facts}
    if first.remedy is not None:
        facts["remedy"] = sentence(first.remedy.format_map(words))
    return Verdict(
        cause=first.cause,
        confidence=first.confidence,
        evidence=tuple(dict.fromkeys(wording.evidence(first, context) + says)),
        missing=first.missing,
        container=context.container,
        container_realm=context.container_realm,
        grantee=context.caller.username,
        alternatives=tuple(
            [
                wording.alternative(SPECS[finding.cause], finding, wording.words_of(context, finding, shared))
                for finding in _alternatives(first, others)
            ]
        ),
        facts=facts,
    )


def _alternatives(first: Finding, others: Iterable[Finding]) -> list[Finding]:
    by_cause: dict[str, Finding] = {}
    for finding in others:
        if finding.cause is not first.cause and (finding.confidence is CERTAIN or first.confidence is not CERTAIN):
            by_cause.setdefault(finding.cause, finding)
    return list(by_cause.values())[:MAX_ALTERNATIVES]
