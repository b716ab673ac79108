"""Run with pytest. The test fails until the service account of the client 403-forbidden-fix-client has the role that the output names."""

import os

from shop import read_user


def test_the_backend_reads_a_user() -> None:
    assert read_user(os.environ["USER_ID"])["username"] == "john-doe"
