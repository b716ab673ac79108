"""Calls Keycloak through kcproxy repeatedly, so that there is something to see: one call is allowed, two are refused.

``python caller.py URL KEY_FILE [ROUNDS]``; prints status and sentence of each call.
"""

import itertools
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

CALLS = (("GET", "/users?max=5"), ("POST", "/users"), ("GET", "/clients"))
PAUSE_SECONDS = 2.0


def call(url: str, key: str, method: str, path: str) -> str:
    """The status code and, for a refusal, the sentence of the proxy."""
    data = json.dumps({"username": "jane-doe", "enabled": True}).encode() if method == "POST" else None
    headers = {"Kcproxy-Key": key, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/admin/realms/demo{path}", data=data, headers=headers, method=method)  # noqa: S310 - the operator's own URL
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - see above
            return str(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            said = json.loads(error.read() or b"{}")
            return f"{error.code} {said.get('errorMessage') or said.get('message') or said.get('error')}"
    except OSError as error:
        return type(error).__name__


def main() -> None:
    """Run until it is stopped, or for a number of rounds."""
    url, key_file = sys.argv[1], Path(sys.argv[2])
    rounds = range(int(sys.argv[3])) if len(sys.argv) > 3 else itertools.count()
    for _ in rounds:
        for method, path in CALLS:
            print(method, path, call(url, key_file.read_text(encoding="utf-8"), method, path), flush=True)  # noqa: T201 - its result
        if len(sys.argv) <= 3:
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
