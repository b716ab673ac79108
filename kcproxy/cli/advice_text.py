"""What to do about a refusal, as lines for the terminal: the one text that `explain`, `doctor` and `denials` print.

It is made of the JSON document of an explanation, which is what a running proxy and a history file give as well. Texts are wrapped;
commands and links stay on one line, so that they can be copied.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kcproxy.cli.terminal import bold, paint, wrapped

_OTHER_FORMS = (("curl", "curl"), ("terraform", "Terraform"), ("ansible", "Ansible"))
FULL = "full"


def advice_lines(explanation: Mapping[str, Any]) -> Iterator[str]:
    """Every fix whole, then the other possible causes with their checks, then the hints."""
    for fix in explanation["fixes"]:
        yield from fix_lines(fix)
    yield from listed("Other possible causes", [_other(other) for other in explanation["alternatives"]])
    yield from listed("Hints", explanation["hints"])


def _other(other: Mapping[str, Any]) -> str:
    return f"{other['confidence']}: {other['summary']} Check: {other['check']}"


def fix_lines(fix: Mapping[str, Any]) -> Iterator[str]:
    """What the fix does and gives, its warning, the steps in the Admin console with a link, the commands, and which other forms there are."""
    yield ""
    yield from map(bold, wrapped(f"{heading(fix)}: {fix['summary']}"))
    if fix["warning"]:
        yield from wrapped(fix["warning"], "    ", first=f"  {paint('Warning', 'yellow')}: ")
    if fix["console"]:
        yield from wrapped(" → ".join(fix["console"]), "    ", first="  Admin console: ")
    if fix["consoleUrl"]:
        yield f"  {fix['consoleUrl']}"
    yield from (f"  {line}" for line in fix["kcadm"])
    # Denials that an earlier version stored have no member ansible.
    forms = [name for key, name in _OTHER_FORMS if fix.get(key)]
    if forms:
        yield from wrapped(f"Also as {', '.join(forms)}: with --json", "    ", first="  ")


def heading(fix: Mapping[str, Any]) -> str:
    """``Fix``, and if several fixes differ in what they give, what this one gives."""
    gives = fix.get("gives")
    if not gives:
        return "Fix"
    return "Fix for the full response" if gives == FULL else f"Fix that ends the refusal (the response has {gives})"


def listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    """A heading and one item for each line; nothing if there is none."""
    if lines:
        yield from ("", bold(title))
        for line in lines:
            yield from wrapped(line, "    ", first="  - ")
