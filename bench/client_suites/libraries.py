"""The clients, and which of their own tests run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A client: its tests are in its source package. ``needs``: what else they import. ``tests``: files or folders of it, as pytest takes them."""

    name: str
    version: str
    extras: str
    needs: tuple[str, ...]
    tests: tuple[str, ...]


LIBRARIES = (
    Library(
        name="httpx",
        version="0.28.1",
        extras="brotli,cli,http2,socks,zstd",
        needs=("chardet==7.7.0", "trio==0.35.0", "trustme==1.2.1", "uvicorn==0.54.0"),
        tests=("tests",),
    ),
    Library(
        name="requests",
        version="2.34.2",
        extras="socks",
        needs=("httpbin==0.10.4", "pytest-httpbin==2.1.0", "pytest-mock==3.17.0", "trustme==1.2.1"),
        tests=("tests",),
    ),
    Library(
        name="aiohttp",
        version="3.14.5",
        extras="speedups",
        needs=(
            "blockbuster==1.5.29",
            "coverage==7.17.5",
            "freezegun==1.5.5",
            "isal==1.9.1",
            "proxy.py==2.4.10",
            "pytest-codspeed==5.0.4",
            "pytest-mock==3.17.0",
            "pytest-timeout==2.4.0",
            "pytest-xdist==3.8.0",
            "re-assert==1.1.0",
            "trustme==1.2.1",
            "zlib-ng==1.1.0",
        ),
        tests=(
            "tests/test_client_connection.py",
            "tests/test_client_functional.py",
            "tests/test_client_middleware.py",
            "tests/test_client_middleware_digest_auth.py",
            "tests/test_client_session.py",
        ),
    ),
)
