"""What a change of permissions means beyond the call: for others, for other objects, and through the powers of the object itself."""

from collections.abc import Sequence

from msgspec.structs import replace

from kcproxy.explain.context import Context
from kcproxy.explain.fixes import build
from kcproxy.explain.permission_needs import one_of, terms_in_words
from kcproxy.explain.permission_view import View
from kcproxy.explain.text import list_of, shown
from kcproxy.model import Fix
from kcproxy.permissions.additions import Addition, AdditionKind
from kcproxy.permissions.decide import unread_for
from kcproxy.permissions.model import ROLES

IMPERSONATE = "impersonate"
_MOST_TAKEN = 3


def warning_of(context: Context, view: View, choice: Sequence[Addition]) -> str | None:
    """All of it in sentences without the last stop; None if there is nothing to say."""
    return joined_warning(
        _powers(context, view, choice), _of_changes(choice, by_name=view.names), _left_out(view), _unnamed(view), _unread(view)
    )


def joined_warning(*parts: str | None) -> str | None:
    """The parts that are there."""
    return ". ".join(filter(None, parts)) or None


def after(warning: str, fixes: Sequence[Fix]) -> tuple[Fix, ...]:
    """The fixes with one more warning before their own."""
    return tuple(replace(fix, warning=joined_warning(warning, fix.warning)) for fix in fixes)


def _powers(context: Context, view: View, choice: Sequence[Addition]) -> str | None:
    """What the objects may do themselves: who acts on an administrator, or maps a role with admin roles, can get that. For operators."""
    lines = []
    for each in choice if view.names else ():
        roles = view.facts.powers.get(each.asked.id or "", ())
        if roles:
            has = "contains" if each.asked.type == ROLES else "holds"
            lines.append(
                f"This {one_of(each.asked.type)} {has} {list_of(roles)} of {shown(context.words['container'])}, and {each.scope} can give what that allows"
            )
            lines.append(f"To impersonate an administrator, the caller also needs {list_of(roles)}" if each.scope == IMPERSONATE else "")
            lines.append(build.warning(context, roles) or "")
    return ". ".join(dict.fromkeys(filter(None, lines))) or None


def _unread(view: View) -> str | None:
    """Permissions and groups that were not read can deny what a new one gives."""
    if any(each.decision is not None and each.decision.asked.groups is None for each in view.decision.lacking):
        return "Not all groups of the user were read, because look-ups are limited: if a permission on one of them denies this, it stays refused"
    unread = not view.situation.permissions.complete or any(
        unread_for(each.decision.asked, view.situation) for each in view.decision.lacking if each.decision is not None
    )
    return (
        "Not all permissions were read, because look-ups are limited: if one of the others denies this, it stays refused"
        if unread
        else None
    )


def _unnamed(view: View) -> str | None:
    """What the call needs of objects that the request does not name, or that were not found."""
    terms = tuple(each.term for each in view.decision.lacking if each.is_unaddressed)
    return f"The call also needs {terms_in_words(terms)}" if terms else None


def _left_out(view: View) -> str | None:
    left = view.facts.items_left if view.names or not view.facts.items_found else 0
    return f"The list in the request has {left} more, which were not looked up: the call takes the same for each of them" if left else None


def _taken(each: Addition, *, by_name: bool) -> list[str]:
    """Who loses access by this, because a permission that names the object denies all others. That there are such permissions is for operators."""
    if not each.takes or not by_name:
        return []
    names, one = list_of([shown(other.name) for other in each.takes[:_MOST_TAKEN]]), one_of(each.asked.type)
    return [f"Others who have {each.scope} on this {one} by permission {names} lose it, unless the policies of this permission permit them"]


def _of_changes(choice: Sequence[Addition], *, by_name: bool) -> str | None:
    lines = []
    for each in choice:
        name = shown(each.permission.name) if each.permission else ""
        if each.for_others and each.permission is None:
            lines.append("Its policy names the client, and users who log in through the client get the same")
        lines += _taken(each, by_name=by_name)
        if each.for_others and each.permission:
            lines.append(f"The policies of {name} may also name others, who get the same")
        if each.opens_more and each.permission:
            more = sorted(each.permission.scopes - {each.scope}) if each.kind is AdditionKind.ADD_OBJECT else []
            lines.append(f"It also gives {list_of(more)} on this object" if more else f"It applies to each object of {name}")
        if each.permission is None and each.asked.id is None:
            lines.append(
                f"It is for all objects of the type {each.asked.type}, and a permission for all objects denies every other caller the scopes of that type"
            )
    return ". ".join(dict.fromkeys(lines)) or None
