"""The result of ``kcproxy audit`` as text."""

from collections.abc import Iterator, Sequence

from kcproxy.catalog import Catalog
from kcproxy.cli.roles.text import roles_text
from kcproxy.cli.terminal import bold, columns, paint, wrapped
from kcproxy.usage.audit import LONG_AGO_DAYS, Audit
from kcproxy.usage.changes import Changes, Step
from kcproxy.usage.document import iso
from kcproxy.usage.model import Outcome, Use, UseCaller
from kcproxy.usage.needs import Need
from kcproxy.usage.window import Window

_TITLES = {"add": "Add", "remove": "Remove"}


def audit_text(catalog: Catalog, window: Window, audit: Audit, changes: Changes) -> Iterator[str]:
    """Everything about one caller and the roles of one owner."""
    yield bold(f"{caller_text(audit.caller)}: {audit.owner.words}")
    yield from columns(list(_summary(audit)), indent="  ")
    yield from _warnings(catalog, audit)
    yield from _part("Used", [_need_row(catalog, need) for need in audit.needs])
    yield from _part("Never succeeded, so it does not count", [(*_use_row(use), "") for use in audit.not_used])
    yield from _part("The least set is not enough for other targets, which no record shows", list(_target_rows(catalog, audit)))
    yield from _part("Seen only once: is it a rare job?", [_use_row(use) for use in audit.rare])
    old = audit.long_ago(window.now_epoch_seconds)
    yield from _part(f"Last seen more than {LONG_AGO_DAYS} days ago", [_use_row(use) for use in old])
    yield from _steps("To get there", changes.steps)
    yield from _steps("To go back", changes.undo)
    for note in changes.notes:
        yield from wrapped(note, "    ", first="  Note: ")
    yield ""


def caller_text(caller: UseCaller) -> str:
    """The caller in words."""
    kind = "account of the proxy" if caller.injected else caller.kind.value
    return f"{caller.client} (realm {caller.token_realm}, {kind})"


def _summary(audit: Audit) -> Iterator[tuple[str, str]]:
    yield (
        "held",
        "not known: the token names no roles; use --held" if audit.held is None else roles_text(audit.held) if audit.held else "none",
    )
    yield "least", paint(_least_text(audit), "green")
    if audit.full != audit.least:
        yield "for full responses", roles_text(audit.full)
    if audit.unused:
        yield "never used", roles_text(audit.unused)
    if audit.excessive:
        yield "more than needed", roles_text(audit.excessive)
    realm_roles = sorted({roles_text(need.realm_roles[0]) for need in audit.needs if need.realm_roles})
    if realm_roles:
        yield "realm roles of master", ", ".join(realm_roles)


def _least_text(audit: Audit) -> str:
    return "none" if audit.least == () and not audit.needs else roles_text(audit.least)


def _warnings(catalog: Catalog, audit: Audit) -> Iterator[str]:
    for each in audit.escalations:
        needed = "needed" if each.needed else "not needed"
        yield from wrapped(
            f"{each.role} ({needed}) opens a way to realm-admin: {each.says}", "    ", first=f"  {paint('Warning', 'yellow')}: "
        )
    for role in audit.least or ():
        if role not in (audit.held or ()):
            for power in catalog.powers(role):
                yield from wrapped(power.says, "    ", first=f"  {paint('Warning', 'yellow')}: ")


def _need_row(catalog: Catalog, need: Need) -> tuple[str, ...]:
    least = [roles_text(catalog.least(demand)) for demand in need.as_answered]
    least += [f"realm role of master: {roles_text(roles)}" for roles in need.realm_roles[:1]]
    return (*_use_row(need.use), need.problem or " + ".join(dict.fromkeys(least)) or "any token")


def _target_rows(catalog: Catalog, audit: Audit) -> Iterator[tuple[str, ...]]:
    for use, case in audit.other_targets(catalog):
        yield use.operation, case.says, roles_text(catalog.least(case.sets))


def _use_row(use: Use) -> tuple[str, ...]:
    counts = ", ".join(f"{use.counts[outcome]} {outcome.value}" for outcome in Outcome if use.counts.get(outcome))
    variant = f" [{use.variant}]" if use.variant else ""
    return (use.operation + variant, counts, f"last {iso(use.last_at) or 'unknown'}")


def _part(title: str, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield f"  {bold(title)} ({len(rows)})"
        yield from columns(rows, indent="    ")


def _steps(title: str, steps: Sequence[Step]) -> Iterator[str]:
    if not steps:
        return
    yield f"  {bold(title)}"
    for step in steps:
        yield f"    {_TITLES[step.action]} {roles_text(step.roles)}:"
        yield from (f"    {line}" for line in step.forms.kcadm)
        for reason in step.forms.left_out:
            yield from wrapped(reason, "      ", first="      ")
    yield "    Also as curl, Terraform, Ansible: with --json"
