"""Settings that cannot be used: each with its place and a remedy, all of them at once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from devkit.certificates import Authority
from kcproxy.errors import SettingsError
from tests.settings.reading import ACCOUNT, SECRET, UPSTREAM, config, problems, read, secret_file

Environ = Mapping[str, str]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "upstream.url: is missing; give the address of Keycloak: --upstream URL, KCPROXY_UPSTREAM=URL, or url ="),
        ({"KCPROXY_UPSTREAM": "localhost:8080"}, "KCPROXY_UPSTREAM: cannot be used: it must start with http:// or https://; for example"),
        ({"KCPROXY_UPSTREAM": "ftp://kc"}, "it must start with http:// or https://"),
        ({"KCPROXY_UPSTREAM": "http://"}, "it has no host"),
        ({"KCPROXY_UPSTREAM": "http://kc?x=1"}, "it has a query; remove everything from the ? on"),
        ({"KCPROXY_UPSTREAM": "http://kc/#a"}, "it has a fragment"),
        ({"KCPROXY_UPSTREAM": "http://kc:99999"}, "its host or port is not valid"),
        ({"KCPROXY_UPSTREAM": "http://kc/a b"}, "it contains whitespace"),
        ({"KCPROXY_UPSTREAM": "http://kc/../x"}, "its path has a dot segment"),
        ({"KCPROXY_UPSTREAM": "http://127.0.0.1:8180"}, "upstream.url is the proxy's own address (listen 127.0.0.1:8180)"),
        ({"KCPROXY_WORKERS": "many"}, 'KCPROXY_WORKERS: "many" is not a whole number from 1 to 64; for example KCPROXY_WORKERS=1'),
        ({"KCPROXY_WORKERS": "65"}, '"65" is not a whole number from 1 to 64'),
        ({"KCPROXY_WORKERS": "1.5"}, '"1.5" is not a whole number'),
        ({"KCPROXY_DRAIN_SECONDS": "nan"}, '"nan" is not a number from 0 to 600'),
        ({"KCPROXY_DRAIN_SECONDS": "soon"}, '"soon" is not a number from 0 to 600'),
        ({"KCPROXY_UPSTREAM__PRESERVE_HOST": "maybe"}, '"maybe" is not true or false'),
        ({"KCPROXY_LOG__FORMAT": "xml"}, '"xml" is not one of auto, json, console'),
        ({"KCPROXY_EXPLAIN__DETAIL": "all"}, '"all" is not one of full, role, reference'),
        ({"KCPROXY_EXPLAIN__KEYCLOAK_VERSION": "latest"}, '"latest" is not a Keycloak version such as 26.7.4'),
        ({"KCPROXY_METRICS__REALMS": "[shop"}, "is not a list of realm names: it starts like JSON but is not valid JSON"),
        ({"KCPROXY_LISTEN": "8180"}, '"8180" is not HOST:PORT or unix:PATH'),
        ({"KCPROXY_LISTEN": ":8180"}, '":8180" is not HOST:PORT'),
        ({"KCPROXY_LISTEN": "localhost:70000"}, '"localhost:70000" is not HOST:PORT'),
        ({"KCPROXY_ADMIN_LISTEN": "unix:/tmp/x"}, '"unix:/tmp/x" is not HOST:PORT'),
        (
            {"KCPROXY_ADMIN_LISTEN": "0.0.0.0:8180"},
            "KCPROXY_ADMIN_LISTEN: listen and admin_listen are both on port 8180; give them different ports",
        ),
        (
            {"KCPROXY_METRICS_LISTEN": "0.0.0.0:9180"},
            "KCPROXY_METRICS_LISTEN: admin_listen and metrics_listen are both on port 9180; give them different ports",
        ),
        ({"KCPROXY_METRICS_LISTEN": "127.0.0.1:8180"}, "listen and metrics_listen are both on port 8180"),
        (
            {"KCPROXY_METRICS_LISTEN": "0.0.0.0:8080", "KCPROXY_UPSTREAM": "http://localhost:8080"},
            "upstream.url is the proxy's own address",
        ),
        ({"KCPROXY_LISTEN": "unix:/no/such/folder/x.sock"}, "listen: there is no directory /no/such/folder"),
        ({"KCPROXY_HISTORY__PATH": "/no/such/folder/denials"}, "history.path: there is no directory /no/such/folder"),
        ({"KCPROXY_LOG_FORMAT": "json"}, "KCPROXY_LOG_FORMAT: no setting has this variable; did you mean KCPROXY_LOG__FORMAT?"),
        ({"KCPROXY_UPSTREM": "x"}, "did you mean KCPROXY_UPSTREAM?"),
        ({"KCPROXY_QWERTZ": "x"}, "KCPROXY_QWERTZ: no setting has this variable; see the list"),
        (
            {"KCPROXY_CONFIG": "/no/such/file.toml"},
            "/no/such/file.toml: the file cannot be read (No such file or directory); give its path with --config",
        ),
        ({"KCPROXY_UPSTREAM__CA_FILE": "/no/such/ca.pem"}, "KCPROXY_UPSTREAM__CA_FILE: upstream.ca_file: /no/such/ca.pem cannot be read"),
        ({"KCPROXY_ADMIN_KEY_FILE": "~no-such-user/key"}, '"~no-such-user/key" is not the path of a file: there is no such user'),
        ({"KCPROXY_UPSTREAM__CA_FILE": __file__}, "upstream.url is http, but certificates are given; use https"),
        (
            {"KCPROXY_UPSTREAM__CLIENT_KEY_FILE": __file__},
            "upstream.client_key_file needs upstream.client_certificate_file; set both or neither",
        ),
        ({"KCPROXY_INBOUND__TLS_CLIENT_CA_FILE": __file__}, "client certificates need TLS on the listener"),
        ({"KCPROXY_INBOUND__JWT_ISSUERS": "https://kc/realms/a"}, "without inbound.jwt_audience, every token of these issuers is accepted"),
        ({"KCPROXY_INBOUND__JWT_AUDIENCE": "kcproxy"}, "inbound.jwt_audience needs inbound.jwt_issuers"),
        ({"KCPROXY_INBOUND__JWT_KEYS_MAX_AGE_SECONDS": "60"}, '"60" is not a number from 600 to 604800'),
        *(
            ({"KCPROXY_INBOUND__ALLOWED_HOSTS": host}, "is not a host name or an IP address without a port, such as kcproxy.internal")
            for host in ("*", "*.internal", "kcproxy:8180", "http://kcproxy", "a@b", "a b", "b\u00fcro", "kcproxy..", "::1%lo")
        ),
        (
            {"KCPROXY_ADMIN_KEY": "x", "KCPROXY_ADMIN_KEY_FILE": __file__},
            "admin_key and admin_key_file are both given; keep one of them",
        ),
        ({"PROMETHEUS_MULTIPROC_DIR": "/tmp"}, "PROMETHEUS_MULTIPROC_DIR: metrics are kept in memory"),
    ],
)
def test_a_bad_value_is_reported_with_its_variable_and_a_remedy(environ: Environ, said: str) -> None:
    given = dict(environ) if environ == {} else {**UPSTREAM, **environ}
    assert any(said in problem for problem in problems(environ=given)), problems(environ=given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drain = 4", "kcproxy.toml:1: there is no setting drain; did you mean drain_seconds?"),
        (
            "[limits]\n\nmax_header_byte = 3",
            "kcproxy.toml:3: there is no setting limits.max_header_byte; did you mean limits.max_header_bytes?",
        ),
        ("[logging]\nlevel = 'info'", "kcproxy.toml:2: there is no setting logging.level; did you mean log.level?"),
        ("client_id = 'a'", "there is no setting client_id; did you mean accounts.client_id?"),
        ("zzz = 1", "kcproxy.toml:1: there is no setting zzz; known settings are listen, admin_listen"),
        ("[[account]]\nrealm = 'a'", "there is no setting account; did you mean accounts"),
        ("\n[[account]]\nrealm = 'a'", "kcproxy.toml:2: there is no setting account; did you mean accounts, as [[accounts]]?"),
        ("[[zzz]]\na = 1", "kcproxy.toml:1: there is no setting zzz; known tables are [upstream], [[accounts]], [inspector]"),
        ("[[limit]]\na = 1", "kcproxy.toml:1: there is no setting limit; did you mean limits, as [limits]?"),
        (
            "[explain]\nrequire_audience = 'perhaps'",
            'explain.require_audience: "perhaps" is not true or false; for example require_audience = true',
        ),
        ("[metrics]\nrealms = 3", 'metrics.realms: 3 is not a list of realm names; for example realms = ["shop"]'),
        ("[accounts]\nrealm = 'a'", "kcproxy.toml:1: accounts is a table; write [[accounts]], once for each account"),
        ("log = 'json'", "kcproxy.toml:1: log is a table; write [log]"),
        ("workers = 'two'", 'kcproxy.toml:1: workers: "two" is not a whole number from 1 to 64; for example workers = 1'),
        ("workers = true", "workers: true is not a whole number"),
        ("workers = 2.0", "workers: 2.0 is not a whole number"),
        ("[metrics]\nrealms = 'a'\nclients = 'perhaps'", 'kcproxy.toml:3: metrics.clients: "perhaps" is not true or false'),
        ("[metrics]\nrealms = [1]", "kcproxy.toml:2: metrics.realms: 1 is not the name of a realm"),
        ("[upstream]\nurl = 3", "kcproxy.toml:2: upstream.url: is not a URL such as http://localhost:8080"),
        ("workers = ", "not valid TOML"),
        ('[x\ny = "', "not valid TOML"),
        ("x = " + "[" * 5000, "its values are nested too deeply; write lists and tables as docs/settings.md shows"),
        ("text = '''\nworkers = 1\n'''\nworkers = 0", "kcproxy.toml:4: workers: 0 is not"),
    ],
)
def test_a_bad_line_of_the_file_is_reported_with_its_number(tmp_path: Path, text: str, said: str) -> None:
    found = problems(config(tmp_path, text), {} if "upstream" in text else UPSTREAM)
    assert any(said in problem for problem in found), found


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[[account]]\nrealm = 'a'\nclient_secret = '{0}'", "kcproxy.toml:3: account[0].client_secret looks like a secret"),
        ("[account]\nclient_secret = '{0}'", "kcproxy.toml:2: account.client_secret looks like a secret"),
        ("[accounts]\nclient_secret = '{0}'", "kcproxy.toml:2: accounts.client_secret looks like a secret"),
        ("[[acounts]]\n[[acounts]]\nclientSecret = '{0}'", "kcproxy.toml:3: acounts[1].clientSecret looks like a secret"),
        ("client_secret = '{0}'", "kcproxy.toml:1: client_secret looks like a secret"),
        ("[upstream]\nurl = 'http://kc'\npassword = '{0}'", "kcproxy.toml:3: upstream.password looks like a secret"),
        ("[x]\ny = {{ z = [{{ adminKey = '{0}' }}] }}", "kcproxy.toml:2: x.y.z[0].adminKey looks like a secret"),
        ("[[accounts]]\nclient_secret = '{0}'", "kcproxy.toml:2: accounts[0].client_secret holds a secret"),
    ],
)
def test_a_secret_in_the_file_is_reported_wherever_it_stands_and_never_shown(tmp_path: Path, text: str, place: str) -> None:
    found = problems(config(tmp_path, text.format(SECRET)), {} if "upstream" in text else UPSTREAM)
    (problem,) = (each for each in found if place in each)
    assert "change the secret" in problem
    assert SECRET not in "\n".join(found)


@pytest.mark.parametrize(
    "text", ["[[acounts]]\nclient_secret_file = 'x'", "[upstream]\nurl = 'http://kc'\ntoken_realm = 'master'", "[x]\nsecret = ''"]
)
def test_what_only_sounds_like_a_secret_is_not_called_one(tmp_path: Path, text: str) -> None:
    assert "looks like a secret" not in "\n".join(problems(config(tmp_path, text), {} if "upstream" in text else UPSTREAM))


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x = ", b"x = " + b"[" * 5000])
def test_a_file_that_cannot_be_read_is_the_only_problem(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "kcproxy.toml"
    if content is not None:
        file.write_bytes(content)
    (problem,) = problems(file)
    assert problem.startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("relative", "is_shown"),
    [
        ("secrets/backend", True),  # the directory exists
        ("secrets/4f9a", True),
        ("run/kcproxy/client-secret", True),
        ("ca.pem", True),
        ("client.key", True),
        (SECRET, False),
        ("vN3hQ0o7sB5cR2wXk9yTz1uA8eLpJ6dG", False),
        ("vN3hQ0o7/sB5cR2wX", False),
        ("eyJh.eyJp.c2ln", False),
    ],
)
def test_a_relative_path_is_shown_unless_it_could_be_the_secret_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: str, is_shown: bool
) -> None:
    (tmp_path / "secrets").mkdir()
    monkeypatch.chdir(tmp_path)
    (problem,) = problems(environ=UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": relative})
    assert (relative in problem) is is_shown
    assert str(tmp_path) in problem
    assert ("could be the secret itself" in problem) is not is_shown


def test_an_open_address_with_accounts_names_every_way_to_protect_it(tmp_path: Path) -> None:
    account = ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(secret_file(tmp_path))}
    (problem,) = problems(environ=UPSTREAM | account | {"KCPROXY_LISTEN": "0.0.0.0:8180"})
    for way in (
        "127.0.0.1",
        "unix:PATH",
        "inbound.api_keys_file",
        "inbound.jwt_issuers",
        "inbound.jwt_audience",
        "inbound.tls_client_ca_file",
    ):
        assert way in problem


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("", "has no credentials; give client_secret_file"),
        ('client_secret_file = "{0}/none"', "accounts[0].client_secret_file: {0}/none cannot be read (No such file or directory)"),
        ('client_secret_file = "{0}"', "cannot be read (Is a directory); name the file in that directory"),
        ('client_secret_file = "{0}/empty"', "{0}/empty is empty; write the expected content into it"),
        ('private_key_file = "{0}/secret"', "{0}/secret has no PEM block with PRIVATE KEY"),
        ('private_key_file = "{0}/public.jwk"', "{0}/public.jwk is a public key; give the private key"),
        ('private_key_file = "{0}/broken.jwk"', "{0}/broken.jwk is not a JSON Web Key"),
        ('private_key_file = "{0}/locked"', "the key in {0}/locked is encrypted; give a key without a pass phrase"),
        (
            'client_secret_file = "{0}/secret"\nprivate_key_file = "{0}/key"',
            "accounts[0] has client_secret_file and private_key_file; keep one",
        ),
        ('client_secret_file = "{0}/secret"\nrealms = ["a"]', "accounts[0] has realm and realms; keep one of them"),
        (
            'client_secret_file = "{0}/secret"\nauth = "private_key_jwt"',
            "kcproxy.toml:5: accounts[0]: auth private_key_jwt needs private_key_file",
        ),
        ('private_key_file = "{0}/key"\nclient_secret_previous_file = "{0}/secret"', "accounts[0] has client_secret_previous_file without"),
        ('client_secret_file = "{0}/secret"\nauth = "magic"', '"magic" is not one of client_secret_basic, client_secret_post'),
        ('auth = "tls_client_auth"', "auth tls_client_auth needs a certificate; set upstream.client_certificate_file"),
        ('client_secret_file = "{0}/secret"\noperations = ["users"]', '"users" is not METHOD /path'),
        ('client_secret_file = "{0}/secret"\noperations = ["FETCH /x"]', '"FETCH /x" is not METHOD /path'),
    ],
)
def test_an_account_that_cannot_work_is_reported(tmp_path: Path, extra: str, said: str) -> None:
    secret_file(tmp_path)
    secret_file(tmp_path, "\n", name="empty")
    secret_file(tmp_path, "-----BEGIN PRIVATE KEY-----\nA\n", name="key")
    secret_file(tmp_path, '{"kty": "RSA", "n": "AQ", "e": "AQAB"}', name="public.jwk")
    secret_file(tmp_path, '{"kty"', name="broken.jwk")
    secret_file(tmp_path, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nA\n", name="locked")
    text = '[[accounts]]\nrealm = "shop"\nclient_id = "a"\n' + extra.replace("{0}", str(tmp_path))
    found = problems(config(tmp_path, text), UPSTREAM)
    assert any(said.replace("{0}", str(tmp_path)) in problem for problem in found), found


@pytest.mark.parametrize("missing", ["client_id", "realm"])
def test_an_account_needs_a_client_and_a_realm(tmp_path: Path, missing: str) -> None:
    rest = {"realm": "shop", "client_id": "a", "client_secret_file": str(secret_file(tmp_path))}
    text = "[[accounts]]\n" + "".join(f'{name} = "{value}"\n' for name, value in rest.items() if name != missing)
    (problem,) = problems(config(tmp_path, text), UPSTREAM)
    assert f'accounts[0] has no {missing}; add {missing} = "…"' in problem


def _accounts(folder: Path, *rows: str) -> Path:
    secret_file(folder)
    secret_file(folder, "other", name="other")
    return config(folder, "".join(f"[[accounts]]\n{row}\n" for row in rows).replace("{0}", str(folder)))


def test_two_accounts_for_one_realm_are_reported(tmp_path: Path) -> None:
    row = 'realm = "shop"\nclient_id = "{1}"\nclient_secret_file = "{0}/secret"'
    (problem,) = problems(_accounts(tmp_path, row.replace("{1}", "a"), row.replace("{1}", "b")), UPSTREAM)
    assert "kcproxy.toml:6: realm shop has two accounts, accounts[1] and accounts[0]" in problem


def test_one_client_with_two_secrets_is_reported(tmp_path: Path) -> None:
    row = 'realm = "{1}"\ntoken_realm = "shop"\nclient_id = "a"\nclient_secret_file = "{0}/{2}"'
    rows = (row.replace("{1}", "shop").replace("{2}", "secret"), row.replace("{1}", "crm").replace("{2}", "other"))
    (problem,) = problems(_accounts(tmp_path, *rows), UPSTREAM)
    assert "accounts[1] and accounts[0] are the same client" in problem


@pytest.mark.parametrize("listen", ["0.0.0.0:8180", "[::]:8180", "192.0.2.1:8180", "gateway.example.com:8180"])
def test_injection_is_refused_if_other_machines_reach_the_listener(tmp_path: Path, listen: str) -> None:
    account = UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(secret_file(tmp_path))}
    (problem,) = problems(environ=account, flags={"listen": listen})
    assert problem.startswith(f"--listen: listen {listen} can be reached from other machines")
    assert "listen on 127.0.0.1 or unix:PATH" in problem
    assert read(environ=UPSTREAM, flags={"listen": listen}).accounts == ()


@pytest.mark.parametrize("listen", ["127.0.0.1:8180", "127.9.9.9:8180", "localhost:8180", "[::1]:8180", "unix:{0}/kcproxy.sock"])
def test_adding_tokens_is_fine_on_loopback_and_unix_sockets(tmp_path: Path, listen: str) -> None:
    account = UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(secret_file(tmp_path))}
    assert read(environ=account, flags={"listen": listen.replace("{0}", str(tmp_path))}).accounts


def test_injection_is_accepted_if_callers_authenticate(tmp_path: Path) -> None:
    listed = f'[[keys]]\nname = "shop"\nsha256 = "{"0" * 64}"\n'
    keys = {"KCPROXY_INBOUND__API_KEYS_FILE": str(secret_file(tmp_path, listed, name="keys"))}
    account = UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(secret_file(tmp_path))}
    assert read(environ=account | keys, flags={"listen": "0.0.0.0:8180"}).inbound.protected


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    text = 'drain = 1\n[upstream]\nurl = "http://u:p@kc"\n[[accounts]]\nrealm = "shop"\nclient_secret_file = "/no/such/file"\n'
    found = problems(config(tmp_path, text), {"KCPROXY_WORKERS": "0", "KCPROXY_X": "1"}, {"listen": "nowhere"})
    beginnings = ["kcproxy.toml:1", "KCPROXY_X", "kcproxy.toml:3", "KCPROXY_WORKERS", "--listen", "kcproxy.toml:5", "kcproxy.toml:6"]
    assert [problem.removeprefix(f"{tmp_path}/").partition(": ")[0] for problem in found] == beginnings
    assert all("; " in problem for problem in found)


def test_a_file_that_is_no_text_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "kcproxy.toml"
    file.write_bytes(b"\xff\xfe\x00")
    (problem,) = problems(file, UPSTREAM)
    assert "the file is not UTF-8" in problem


def test_names_that_a_request_to_loopback_may_have_are_read_as_host_fields_are() -> None:
    environ = UPSTREAM | {"KCPROXY_INBOUND__ALLOWED_HOSTS": "KCProxy, proxy.internal., 192.0.2.7, 2001:DB8:0::7"}
    settings = read(environ=environ)
    assert settings.inbound.allowed_hosts == ("kcproxy", "proxy.internal", "192.0.2.7", "2001:db8::7")
    assert settings.notes == ()


@pytest.mark.parametrize("listen", ["0.0.0.0:8180", "unix:{}/socket"])
def test_allowed_hosts_that_have_no_effect_are_noted(tmp_path: Path, listen: str) -> None:
    environ = UPSTREAM | {"KCPROXY_INBOUND__ALLOWED_HOSTS": "kcproxy", "KCPROXY_LISTEN": listen.format(tmp_path)}
    (note,) = read(environ=environ).notes
    assert note.startswith("KCPROXY_INBOUND__ALLOWED_HOSTS: inbound.allowed_hosts has no effect")


@pytest.mark.parametrize(("mode", "notes"), [(0o600, 0), (0o640, 0), (0o644, 1)])
def test_a_secret_that_everybody_can_read_is_noted(tmp_path: Path, mode: int, notes: int) -> None:
    file = secret_file(tmp_path, mode=mode)
    settings = read(environ=UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(file)})
    assert len(settings.notes) == notes
    assert all("chmod 600" in note for note in settings.notes)


def test_secrets_over_plain_http_to_another_machine_are_noted(tmp_path: Path) -> None:
    account = ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(secret_file(tmp_path))}
    (note,) = read(environ=account | {"KCPROXY_UPSTREAM": "http://kc.example.com"}).notes
    assert "unencrypted" in note


def test_an_admin_port_without_key_that_is_reachable_is_noted() -> None:
    (note,) = read(environ=UPSTREAM | {"KCPROXY_ADMIN_LISTEN": "0.0.0.0:9180"}).notes
    assert "admin_key_file" in note


def test_a_secret_in_the_file_is_refused_without_repeating_it(tmp_path: Path) -> None:
    text = f'[[accounts]]\nrealm = "shop"\nclient_id = "a"\nclient_secret = "{SECRET}"\n'
    (problem,) = problems(config(tmp_path, text), UPSTREAM)
    assert problem.startswith(f"{tmp_path}/kcproxy.toml:4: accounts[0].client_secret holds a secret")
    assert SECRET not in problem


def test_every_problem_of_a_key_file_is_reported_with_its_line_without_content(tmp_path: Path) -> None:
    listed = '[[keys]]\nname = "shop"\nsha256 = "the-key-itself"\n\n[[keys]]\nsha256 = "' + "0" * 64 + '"\nmethods = ["TRACE"]\n'
    file = secret_file(tmp_path, listed, name="keys.toml")
    with pytest.raises(SettingsError) as caught:
        read(environ=UPSTREAM | {"KCPROXY_INBOUND__API_KEYS_FILE": str(file), "KCPROXY_WORKERS": "0"})
    told = [problem for problem in caught.value.problems if "api_keys_file" in problem]
    assert len(caught.value.problems) == 4
    place = f"KCPROXY_INBOUND__API_KEYS_FILE: inbound.api_keys_file: {file}"
    assert told[0].startswith(f"{place}:1: sha256 is not 64 lowercase hexadecimal digits; write the hash of the key")
    assert told[1].startswith(f"{place}:5: name is missing; name the holder of the key")
    assert told[2].startswith(f"{place}:5: methods contains a method to which no token is added; valid are DELETE")
    assert "the-key-itself" not in str(caught.value)


def test_a_key_of_another_certificate_is_reported_before_the_start(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.sign("one"), authority.sign("other")
    upstream = {"KCPROXY_UPSTREAM": "https://localhost:8443", "KCPROXY_UPSTREAM__CLIENT_CERTIFICATE_FILE": str(one.certificate)}
    assert read(environ=upstream | {"KCPROXY_UPSTREAM__CLIENT_KEY_FILE": str(one.key)}).upstream.client_key_file == one.key
    with pytest.raises(SettingsError, match=r"client_certificate_file and upstream\.client_key_file do not belong together"):
        read(environ=upstream | {"KCPROXY_UPSTREAM__CLIENT_KEY_FILE": str(other.key)})


@pytest.mark.parametrize("content", [None, "", "the-old-one"])
def test_a_previous_secret_may_be_missing_or_empty_between_rotations(tmp_path: Path, content: str | None) -> None:
    previous = tmp_path / "previous"
    if content is not None:
        previous.write_text(content)
        previous.chmod(0o600)
    account = ACCOUNT | {
        "KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(secret_file(tmp_path)),
        "KCPROXY_ACCOUNT__CLIENT_SECRET_PREVIOUS_FILE": str(previous),
    }
    settings = read(environ=UPSTREAM | account)
    assert settings.notes == ()
    secret = settings.accounts[0].previous_secret
    assert secret is not None
    assert secret.path == previous
