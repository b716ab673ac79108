"""Output of the scenario: text for people, or one JSON document."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kcproxy.cli.scenario.exchange import Exchange
from kcproxy.cli.scenario.steps import Check, CommandRun, Step
from kcproxy.cli.terminal import bold, coloured, document, folded, paint, result, width

_WIDEST = 100
_MARGIN = "   "
_LABEL = 10


class Terminal:
    """Prints each step when it has ended."""

    def __init__(self) -> None:
        """Start without output."""
        self._number = 0
        self._failed = 0
        self._last_summary: object = None

    @property
    def ok(self) -> bool:
        """Whether all checks have passed so far."""
        return not self._failed

    def opened(self, *, keycloak: str, version: str, simulated: bool) -> None:
        """Print the servers."""
        kind = f"simulated Keycloak {version}" if simulated else f"Keycloak {version}"
        result(bold("kcproxy demo: a 403 from Keycloak, explained and fixed"))
        result(f"{kind} at {keycloak}")

    def begun(self, title: str) -> None:
        """The step's title."""
        self._number += 1
        result()
        for position, line in enumerate(folded(title, _columns())):
            result(bold(f"{self._number:2} {line}" if position == 0 else _MARGIN + line))

    def ended(self, step: Step) -> None:
        """Print exchanges, explanation and checks."""
        for exchange in step.exchanges:
            self._lines(drawn_exchange(exchange, whole=step.attempt))
        if step.explanation is not None:
            summary = step.explanation.get("summary")
            self._lines(drawn_explanation(step.explanation, again=summary == self._last_summary))
            self._last_summary = summary
        if step.command is not None:
            self._lines(drawn_command(step.command))
        if step.note is not None:
            self._lines(folded(step.note, _columns()))
        self._lines([drawn_check(check) for check in step.checks])
        self._failed += sum(not check.ok for check in step.checks)

    def closed(self) -> None:
        """The last line."""
        result()
        if self.ok:
            result(paint("All checks passed.", "green"))
        else:
            result(paint(f"{self._failed} of the checks above failed.", "red"))

    def _lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            result(_MARGIN + line)


class Collected:
    """Collects everything for one JSON document at the end."""

    def __init__(self) -> None:
        """Start without steps."""
        self._head: dict[str, Any] = {}
        self._steps: list[dict[str, Any]] = []

    @property
    def ok(self) -> bool:
        """Whether all checks have passed so far."""
        return all(step["ok"] for step in self._steps)

    def opened(self, *, keycloak: str, version: str, simulated: bool) -> None:
        """The servers."""
        self._head = {"keycloak": {"url": keycloak, "version": version, "simulated": simulated}}

    def begun(self, title: str) -> None:
        """Nothing is written before the end."""

    def ended(self, step: Step) -> None:
        """One more step."""
        entry: dict[str, Any] = {"title": step.title, "ok": step.ok}
        entry["exchanges"] = [_as_json(exchange, whole=step.attempt) for exchange in step.exchanges]
        entry["checks"] = [{"ok": check.ok, "says": check.says} for check in step.checks]
        if step.command is not None:
            run = step.command
            entry["command"] = {"line": run.line, "program": run.program, "exitCode": run.exit_code, "output": run.output}
        if step.note is not None:
            entry["note"] = step.note
        self._steps.append(entry)

    def closed(self) -> None:
        """The document."""
        document({"ok": self.ok, **self._head, "steps": self._steps})


def _as_json(exchange: Exchange, *, whole: bool) -> dict[str, Any]:
    request = {"server": exchange.server, "method": exchange.method, "path": exchange.path, "tokenOf": exchange.bearer}
    answer: dict[str, Any] = {"status": exchange.status, "headers": dict(exchange.telling_headers)}
    return {"request": request, "response": answer | ({"body": exchange.body} if whole else {})}


def _columns() -> int:
    return min(width(), _WIDEST) - len(_MARGIN)


def drawn_exchange(exchange: Exchange, *, whole: bool) -> list[str]:
    """Request and response: with the relevant headers and the body if ``whole``, otherwise one line."""
    line = f"{exchange.method} {exchange.path}"
    status = paint(f"{exchange.status} {exchange.reason}", _colour(exchange.status))
    if not whole or exchange.path.endswith("/token"):
        return [f"{line}  →  {status}"]
    token = f"Bearer (the token of {exchange.bearer})" if exchange.bearer else "none"
    lines = [paint("> ", "cyan") + line, paint("> ", "cyan") + f"Authorization: {token}", paint("< ", "cyan") + status]
    lines += [paint("< ", "cyan") + f"{name}: {_cut(value)}" for name, value in exchange.telling_headers if value]
    body = folded(_shortened(exchange), _columns() - 2)
    return [*lines, *(paint("< ", "cyan") + line for line in body)]


def _shortened(exchange: Exchange) -> str:
    """The body without the explanation and the members that repeat its sentence, which are printed below."""
    explanation = exchange.json.get("explanation")
    if not isinstance(explanation, dict):
        return json.dumps(exchange.body, ensure_ascii=False)
    sentence = explanation.get("summary")
    kept = {name: "…" if name == "explanation" or value == sentence else value for name, value in exchange.json.items()}
    return json.dumps(kept, ensure_ascii=False)


def _colour(status: int) -> str:
    return "green" if status < 300 else "red"


def _cut(text: str) -> str:
    room = _columns() - 30
    return text if len(text) <= room else text[: room - 1] + "…"


def drawn_explanation(explanation: Mapping[str, Any], *, again: bool = False) -> list[str]:
    """The sentence, then what is missing, the evidence and the fix. Only the sentence if it was printed before (``again``)."""
    bar = paint("┃", "yellow")
    cause = f"{explanation.get('cause')}, {explanation.get('confidence')}"
    lines = ["", f"{bar} {bold('403 explained')}  ({cause})", bar]
    lines += [f"{bar} {bold(line)}" for line in folded(str(explanation.get("summary", "")), _columns() - 2)]
    if again:
        return [*lines, ""]
    lines.append(bar)
    required = explanation.get("required") or {}
    owner = required.get("client")
    missing = ", ".join(explanation.get("missing") or ()) or "nothing"
    facts = [("missing", [f"{missing}, a role of the client {owner}" if owner else missing])]
    facts.append(("evidence", [str(item) for item in explanation.get("evidence") or ()]))
    for label, items in facts:
        lines += [f"{bar} {line}" for line in _labelled(label, items)]
    return [*lines, "", *_drawn_fix((explanation.get("fixes") or [{}])[0]), ""]


def _labelled(label: str, items: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for item in items:
        for line in folded(item, _columns() - 2 - _LABEL) or [""]:
            lines.append((label if not lines else "").ljust(_LABEL) + line)
    return lines


def _drawn_fix(fix: Mapping[str, Any]) -> list[str]:
    first, *rest = folded(f"Fix: {fix.get('summary', '')}", _columns())
    lines = [first.replace("Fix:", bold("Fix:"), 1), *(f"     {line}" for line in rest)]
    for command in fix.get("kcadm") or ():
        lines += [paint(f"  {line}", "green") for line in continued(command)]
    if fix.get("warning"):
        lines += folded(f"Warning: {fix['warning']}", _columns())
    return lines


def continued(command: str) -> list[str]:
    """Split a long command into lines that a shell reads as one. It is split only before options, and not at all if a part is quoted."""
    if len(command) <= _columns() - 4 or any(quote in command for quote in "'\""):
        return [command]
    lines = [""]
    for position, part in enumerate(command.split(" --")):
        piece = part if position == 0 else f"--{part}"
        if lines[-1] and len(lines[-1]) + len(piece) > _columns() - 8:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + piece
    return [line + " \\" for line in _indented(lines)[:-1]] + _indented(lines)[-1:]


def _indented(lines: Sequence[str]) -> list[str]:
    return [line if position == 0 else f"  {line}" for position, line in enumerate(lines)]


def drawn_command(run: CommandRun) -> list[str]:
    """The command and its output."""
    typed = continued(run.line)
    return [paint("$ ", "cyan") + typed[0], *(f"  {line}" for line in typed[1:]), *(f"  {line}" for line in run.output.splitlines())]


def drawn_check(check: Check) -> str:
    """The check with a tick or a cross."""
    mark = paint("✓", "green") if check.ok else paint("✗", "red")
    return f"{mark} {check.says}" if coloured() or check.ok else f"{mark} FAILED: {check.says}"
