"""The lines of a terminal: a denial as people need it, with the sentence, the command that fixes it, and the address of its page."""

from kcproxy.model import Explanation
from kcproxy.redaction import is_clean, redact_text
from kcproxy.settings.values import AddressSettings
from kcproxy.visible import visible

_INDENT = " " * 10
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def denial_lines(explanation: Explanation, stamp: str, page_url: str | None) -> list[str]:
    """The lines of one denial: the sentence, the first fix with its warning and command, and the page.

    ``page_url`` is that of the admin port, without a path. A command is printed unchanged or not at all.
    """
    clock = stamp[11:19]
    lines = [f"{clock}  {explanation.answer.status} {_sentence(explanation)}"]
    if explanation.fixes:
        fix = explanation.fixes[0]
        lines += [f"{_INDENT}warning  {fix.warning}"] if fix.warning else []
        commands = [line for line in fix.kcadm if is_clean(line)]
        lines += [f"{_INDENT}fix      {line}" for line in commands] if len(commands) == len(fix.kcadm) else []
        if not commands:
            lines.append(f"{_INDENT}fix      {fix.summary}")
    lines.append(f"{_INDENT}page     {page_url}/denials/{explanation.id}" if page_url else f"{_INDENT}id       {explanation.id}")
    return [visible(redact_text(line)) for line in lines]


def _sentence(explanation: Explanation) -> str:
    confidence = explanation.verdict.confidence.value
    mark = f"({confidence})"
    return explanation.summary if confidence == "certain" or mark in explanation.summary else f"{explanation.summary} {mark}"


def page_url(address: AddressSettings) -> str | None:
    """The address of the page on this machine; None on a Unix socket or a port that the system chooses."""
    if address.unix_path is not None or not address.port:
        return None
    host = _EVERYWHERE.get(address.host or "", address.host or "")
    return f"http://{AddressSettings(host=host, port=address.port)}"
