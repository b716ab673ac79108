"""The application of a pod, as a process: it calls ``KEYCLOAK_URL`` all the time, still does while it ends, and notes what came.

``python application.py NOTES FAREWELL_SECONDS``; a line a call: ``normal`` or ``farewell``, and the status or what went wrong.
"""

import http.client
import os
import signal
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.03


def main() -> int:
    """Until SIGTERM, and the farewell's time after it."""
    notes, farewell = Path(sys.argv[1]), float(sys.argv[2])
    told: list[float] = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(time.monotonic()))
    with notes.open("a", encoding="utf-8", buffering=1) as file:
        while not told or time.monotonic() < told[0] + farewell:
            phase = "farewell" if told else "normal"
            file.write(f"{phase} {call(os.environ['KEYCLOAK_URL'], os.environ['REALM'])}\n")
            time.sleep(PAUSE_SECONDS)
    return 0


def call(url: str, realm: str) -> str:
    """One request on a connection of its own: a closed port is seen at once."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request("GET", f"/admin/realms/{realm}/users?max=1")
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    else:
        return str(answer.status)
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
