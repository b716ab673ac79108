"""Clients that are pickled, copied, or used after a fork: as the bare library, and without secrets in a pickled response."""

import copy
import json
import os
import pickle
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from devkit.servers import Message
from kcproxy.middleware import RefusalExplainer, ServiceAccount, explanation_of
from kcproxy.middleware.locks import Lock
from kcproxy.middleware.requests import ExplainingAdapter, ServiceAccountAuth
from tests.middleware.server import Server, response

ACCOUNT = ServiceAccount(realm="demo", client_id="robot", client_secret="s3cret")
USERS = "/admin/realms/demo/users"
JSON = "Content-Type: application/json"
TOKEN = json.dumps({"access_token": "t0ken", "expires_in": 300}).encode()


def session_for(url: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", ExplainingAdapter(base_url=url))
    session.auth = ServiceAccountAuth(ACCOUNT, base_url=url, session=session)
    return session


def react(status: int) -> Callable[[Message], bytes]:
    body = b"[]" if status == 200 else b'{"error":"HTTP 403 Forbidden"}'
    return lambda request: response(200, TOKEN, JSON) if b"openid-connect" in request.target else response(status, body, JSON)


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy])
def test_a_copied_session_explains_and_fetches_a_token_of_its_own(copied: Callable[[Any], Any], server: Server) -> None:
    server.react(react(403))
    with session_for(server.url) as session:
        session.get(server.url + USERS, timeout=10)
        with copied(session) as other:
            got = other.get(server.url + USERS, timeout=10)

    assert explanation_of(got) is not None
    assert [b"openid-connect" in request.target for request in server.upstream.requests].count(True) == 2
    assert b"t0ken" not in pickle.dumps(session.auth)


@pytest.mark.parametrize("status", [200, 403])
def test_a_pickled_response_has_the_sentence_and_no_secret(status: int, server: Server) -> None:
    server.react(react(status))
    with session_for(server.url) as session:
        got = session.get(server.url + USERS, timeout=10)

    raw = pickle.dumps(got)
    again = pickled(got)
    assert b"s3cret" not in raw
    assert (again.status_code, again.content) == (status, got.content)
    assert again.request.hooks["response"][0](again) is again


def test_a_copied_explainer_has_the_options(server: Server) -> None:
    explainer = pickled(RefusalExplainer(base_url=server.url, detail="role", max_body_bytes=7))

    assert explainer.max_body_bytes == 7
    assert explainer.concerns(403, "GET", server.url, USERS.encode())
    assert not explainer.concerns(403, "GET", "http://elsewhere.test", USERS.encode())


def in_child(work: Callable[[], bool]) -> bool:
    """Whether the work says yes in a child process, within 20 seconds."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        is_right = False
        try:
            is_right = work()
        finally:
            os._exit(0 if is_right else 1)
    return os.waitpid(child, 0)[1] == 0


def test_a_fork_while_another_thread_fetches_a_token_leaves_the_child_working(server: Server) -> None:
    fetching, may_answer = threading.Event(), threading.Event()

    class Slow(ServiceAccountAuth):
        def fetch(self, ask: Any) -> tuple[int, bytes]:
            fetching.set()
            if threading.current_thread() is not threading.main_thread():
                may_answer.wait(30)
            return super().fetch(ask)

    server.react(react(200))
    session = session_for(server.url)
    session.auth = Slow(ACCOUNT, base_url=server.url)
    thread = threading.Thread(target=lambda: session.get(server.url + USERS, timeout=30))
    thread.start()
    try:
        assert fetching.wait(10)
        assert in_child(lambda: session.get(server.url + USERS, timeout=10).status_code == 200)
    finally:
        may_answer.set()
        thread.join(30)
        session.close()


def test_a_lock_is_free_in_a_child_and_held_in_its_parent() -> None:
    lock = Lock()
    with lock:
        assert in_child(lambda: lock.acquire(blocking=False))
        assert not lock.acquire(blocking=False)
    assert pickled(lock).acquire(blocking=False)
