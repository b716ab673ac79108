"""The fix for a reduced response. It is not a refusal, so `kcproxy explain` has to name the roles."""

import asyncio
import json
import sys
from typing import Any

from tools.fixloop.worker import Worker


class NoFix(Exception):
    """`kcproxy explain` printed no fix. The message has its output."""


async def fix_offline(method: str, worker: Worker) -> dict[str, Any]:
    """The first fix that `kcproxy explain` prints for the worker's last call, made by its account."""
    (account,) = worker.accounts.values()
    token = await account.token(worker.proxy)
    words = ["explain", method, worker.asked, "--keycloak", account.realm.version.text, "--json", "--token-file", "-"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kcproxy", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(token.encode())
    try:
        return dict(json.loads(out)["explanation"]["fixes"][0])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise NoFix(f"kcproxy explain gave no fix: {error!r} {out.decode()[:300]} {err.decode()[:300]}") from error
