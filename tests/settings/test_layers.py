"""File, environment and flags: which one takes precedence, and how the origin of each value is shown."""

from pathlib import Path

import pytest

from kcproxy.settings import AddressSettings, ClientAuthMethod, LogFormat, Settings, UpstreamSettings
from tests.settings.reading import ACCOUNT, SECRET, UPSTREAM, config, problems, read, secret_file


def test_the_upstream_alone_is_enough_and_all_else_has_its_default() -> None:
    settings = read(environ=UPSTREAM)
    plain = Settings(upstream=UpstreamSettings(scheme="http", host="localhost", port=8080), origins=settings.origins)
    assert settings == plain


def test_flags_beat_environment_beats_file(tmp_path: Path) -> None:
    file = config(tmp_path, 'workers = 2\nlisten = "127.0.0.1:1001"\n[upstream]\nurl = "http://file"\n')
    environ = {"KCPROXY_LISTEN": "127.0.0.1:1002", "KCPROXY_UPSTREAM": "http://environment"}
    settings = read(file, environ, {"upstream.url": "http://flag", "listen": None})
    assert (settings.workers, settings.listen.port, settings.upstream.host) == (2, 1002, "flag")
    assert settings.origins["workers"] == f"file {file}:1"
    assert settings.origins["listen"] == "environment KCPROXY_LISTEN"
    assert settings.origins["upstream.url"] == "flag --upstream"
    assert settings.origins["admin_listen"] == "default"


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    file = config(tmp_path, 'upstream = "https://login.example.com/auth/"')
    upstream = read(environ={"KCPROXY_CONFIG": str(file)}).upstream
    assert (upstream.url, upstream.port, upstream.base_path) == ("https://login.example.com/auth", 443, "/auth")


@pytest.mark.parametrize("written", ["shop,crm", " shop , crm ", '["shop", "crm"]'])
def test_lists_in_variables_are_separated_by_commas_or_written_as_json(written: str) -> None:
    assert read(environ=UPSTREAM | {"KCPROXY_METRICS__REALMS": written}).metrics.realms == ("shop", "crm")


@pytest.mark.parametrize(("written", "meant"), [("true", True), ("YES", True), ("1", True), ("off", False), ("No", False), ("0", False)])
def test_switches_in_variables_have_several_spellings(written: str, *, meant: bool) -> None:
    assert read(environ=UPSTREAM | {"KCPROXY_UPSTREAM__PRESERVE_HOST": written}).upstream.preserve_host is meant


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read(environ=UPSTREAM | {"KCPROXY_WORKERS": "", "KCPROXY_LOG__FORMAT": " "}).log.format is LogFormat.AUTO


@pytest.mark.parametrize(
    "name",
    [
        "KCPROXY_SERVICE_HOST",
        "KCPROXY_SERVICE_PORT",
        "KCPROXY_SERVICE_PORT_HTTP",
        "KCPROXY_PORT",
        "KCPROXY_PORT_8180_TCP",
        "KCPROXY_PORT_8180_TCP_ADDR",
        "KCPROXY_GATEWAY_SERVICE_HOST",
        "KCPROXY_GATEWAY_PORT_9180_TCP_PROTO",
    ],
)
def test_variables_that_kubernetes_makes_of_a_service_are_left_alone(name: str) -> None:
    assert read(environ=UPSTREAM | {name: "tcp://10.0.0.7:8180"}).workers == 1


def test_one_account_from_the_environment(tmp_path: Path) -> None:
    file = secret_file(tmp_path)
    (account,) = read(environ=UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(file)}).accounts
    assert (account.realms, account.token_realm, account.client_id) == (("shop",), "shop", "shop-backend")
    assert account.auth is ClientAuthMethod.CLIENT_SECRET_POST
    assert account.secret is not None
    assert account.secret.reveal() == SECRET


def test_the_short_form_overrides_the_one_account_of_the_file_setting_by_setting(tmp_path: Path) -> None:
    secret_file(tmp_path, "old", name="old")
    file = config(tmp_path, f'[[accounts]]\nrealm = "shop"\nclient_id = "a"\nclient_secret_file = "{tmp_path}/old"\n')
    settings = read(file, UPSTREAM | {"KCPROXY_ACCOUNT__CLIENT_SECRET": SECRET})
    (account,) = settings.accounts
    assert (account.client_id, account.secret and account.secret.reveal()) == ("a", SECRET)
    assert len(settings.notes) == 1
    assert "a file is safer" in settings.notes[0]


def test_the_short_form_is_refused_if_there_are_several_accounts(tmp_path: Path) -> None:
    secret_file(tmp_path)
    entry = '[[accounts]]\nrealm = "{0}"\nclient_id = "{0}"\nclient_secret_file = "{1}/secret"\n'
    file = config(tmp_path, entry.format("a", tmp_path) + entry.format("b", tmp_path))
    (problem,) = problems(file, UPSTREAM | {"KCPROXY_ACCOUNT__CLIENT_ID": "c"})
    assert problem.startswith("KCPROXY_ACCOUNT__CLIENT_ID: there are 2 accounts")
    settings = read(file, UPSTREAM | {"KCPROXY_ACCOUNTS__1__CLIENT_ID": "c"})
    assert [account.client_id for account in settings.accounts] == ["a", "c"]


def test_numbered_accounts_leave_no_gap() -> None:
    (problem,) = problems(environ=UPSTREAM | {"KCPROXY_ACCOUNTS__1__CLIENT_ID": "c"})
    assert problem.startswith("KCPROXY_ACCOUNTS__1__CLIENT_ID: there is no account number 0")


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("127.0.0.1:0", AddressSettings(host="127.0.0.1", port=0)),
        ("localhost:8180", AddressSettings(host="localhost", port=8180)),
        ("[::1]:8180", AddressSettings(host="::1", port=8180)),
        ("unix:/tmp/kcproxy.sock", AddressSettings(unix_path=Path("/tmp/kcproxy.sock"))),
    ],
)
def test_addresses_are_read_and_written_alike(written: str, address: AddressSettings) -> None:
    assert read(environ=UPSTREAM, flags={"listen": written}).listen == address
    assert str(address) == written


def test_an_account_for_every_realm_has_its_client_in_master(tmp_path: Path) -> None:
    environ = UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__REALM": "*", "KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(secret_file(tmp_path))}
    assert read(environ=environ).accounts[0].token_realm == "master"


def test_a_key_or_a_projected_token_tells_how_the_client_proves_itself(tmp_path: Path) -> None:
    key = secret_file(tmp_path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    for name, method in (("PRIVATE_KEY_FILE", ClientAuthMethod.PRIVATE_KEY_JWT), ("ASSERTION_FILE", ClientAuthMethod.FEDERATED_JWT)):
        settings = read(environ=UPSTREAM | ACCOUNT | {f"KCPROXY_ACCOUNT__{name}": str(key)})
        assert settings.accounts[0].auth is method


def test_an_inspector_has_account_and_bounds(tmp_path: Path) -> None:
    text = f'[inspector]\nrealm = "shop"\nclient_id = "eye"\nclient_secret_file = "{secret_file(tmp_path)}"\nbudget_seconds = 0.1\n'
    inspector = read(config(tmp_path, text), UPSTREAM).inspector
    assert inspector is not None
    assert (inspector.account.client_id, inspector.budget_seconds, inspector.cache_seconds) == ("eye", 0.1, 10.0)


def test_a_secret_file_is_read_again_at_each_use(tmp_path: Path) -> None:
    file = secret_file(tmp_path)
    secret = read(environ=UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(file)}).accounts[0].secret
    file.write_text("rotated", encoding="utf-8")
    assert secret is not None
    assert secret.reveal() == "rotated"
