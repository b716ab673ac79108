"""The decision: an ordered ladder of small rules, the surest finding first, the rest as alternatives."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, RANK, Finding, found
from kcproxy.explain.rules import addresses, answers, endpoint, guards, paths, realms, roles, scopes, tokens, withdrawn
from kcproxy.explain.situation import Situation
from kcproxy.explain.text import shown
from kcproxy.model import Basis, Cause, Confidence, Requirement, TargetKind, Verdict

Rule = Callable[[Situation], Finding | None]

MAX_ALTERNATIVES = 6

_ANSWERS: tuple[Rule, ...] = (answers.https_required, answers.origin_not_allowed, answers.not_keycloak)

REFUSED: tuple[Rule, ...] = (
    answers.console_only,
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
    answers.miss_not_keycloak,
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


def decide(situation: Situation) -> Verdict | None:
    """The verdict, or None where there is nothing to explain."""
    findings = _findings(situation)
    if not findings:
        return None
    ranked = sorted(findings, key=lambda finding: RANK[finding.confidence])
    return _verdict(situation, ranked[0], ranked[1:])


def _findings(situation: Situation) -> list[Finding]:
    status, kind = situation.answer.status, situation.request.target.kind
    early = _apply(_ANSWERS, situation) if status in {401, 403} or kind is TargetKind.TOKEN else []
    if any(finding.confidence is CERTAIN for finding in early):
        return early
    if kind is TargetKind.TOKEN:
        return _token_endpoint(early, situation)
    if status not in {401, 403}:
        return _apply(ADDRESSES, situation)
    if kind is TargetKind.OTHER:
        return _apply((answers.other_endpoint,), situation)
    if status == 401:
        return early + _unauthenticated(situation)
    return early + [_doubted(finding) if early else finding for finding in _refused(situation)]


def _doubted(finding: Finding) -> Finding:
    """Facts about roles prove little where the refusal itself may be somebody else's."""
    return replace(finding, confidence=LIKELY) if finding.confidence is CERTAIN else finding


def _token_endpoint(early: list[Finding], situation: Situation) -> list[Finding]:
    findings = early + _apply((endpoint.token_refused, addresses.base_path_wrong), situation) + endpoint.open_causes(situation)
    return findings or (_last_resort(situation) if situation.answer.status in {401, 403} else [])


def _refused(situation: Situation) -> list[Finding]:
    if not is_known(situation.requirement):
        other_realm = realms.token_of_other_realm(situation)
        return [other_realm or paths.method_unknown(situation) or _unknown_operation(situation)]
    return _apply(REFUSED, situation) or _last_resort(situation)


def _unauthenticated(situation: Situation) -> list[Finding]:
    return _apply(UNAUTHENTICATED, situation) + withdrawn.open_causes(situation)


def is_known(requirement: Requirement | None) -> bool:
    """Whether the table says which roles the operation needs."""
    return requirement is not None and requirement.undetermined is None and requirement.basis is not Basis.UNKNOWN


def _unknown_operation(situation: Situation) -> Finding:
    undetermined = situation.requirement.undetermined if situation.requirement else None
    reason = f"could not be determined: {shown(undetermined)}" if undetermined else "is not in the table"
    path = shown(situation.request.target.raw_path)
    return found(situation, Cause.OPERATION_UNKNOWN, POSSIBLE, f"{situation.method} {path} {reason}", *answers.keycloak_says(situation))


def _last_resort(situation: Situation) -> list[Finding]:
    finding = guards.unexplained(situation)
    return [finding] if finding else []


def _apply(rules: Iterable[Rule], situation: Situation) -> list[Finding]:
    return [finding for rule in rules if (finding := rule(situation)) is not None]


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


def _verdict(situation: Situation, first: Finding, others: list[Finding]) -> Verdict:
    if first.confidence is Confidence.CERTAIN:
        others = [finding for finding in others if finding.confidence is Confidence.CERTAIN]
    seen = {first.cause}
    kept = [finding for finding in others if finding.cause not in seen and not seen.add(finding.cause)]  # type: ignore[func-returns-value]
    says = answers.keycloak_says(situation)
    evidence = dict.fromkeys((*first.evidence, *(says if situation.answer.status == 403 else ())))
    return Verdict(
        cause=first.cause,
        confidence=first.confidence,
        evidence=tuple(evidence),
        missing=first.missing,
        container=situation.container,
        container_realm=situation.container_realm,
        grantee=situation.caller.username,
        alternatives=tuple(finding.alternative for finding in kept[:MAX_ALTERNATIVES]),
        facts={"summary": _honest(first), "grants_live": situation.grants_live, **first.facts},
    )


__all__ = ["ADDRESSES", "REFUSED", "UNAUTHENTICATED", "decide", "is_known"]
