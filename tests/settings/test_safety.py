"""Who could change a file: modes, owners, directories and links on the way to it, each reported with a remedy."""

import os
import socket
from pathlib import Path

import pytest

from devkit.certificates import Authority
from kcproxy.settings.file_safety import dangers, trail
from kcproxy.settings.schema import FILES
from tests.deploy.mounted import Mounted
from tests.settings.reading import ACCOUNT, UPSTREAM, config, problems, read, secret_file

STRANGER = 54321
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


def found(path: Path) -> list[str]:
    return [danger.what for danger in dangers(path, "the file")]


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o444, 0o600, 0o640, 0o644, 0o700])
def test_a_file_that_its_owner_alone_can_write_is_no_danger(tmp_path: Path, mode: int) -> None:
    assert found(secret_file(tmp_path, mode=mode)) == []


@pytest.mark.parametrize(
    ("mode", "who"),
    [
        (0o602, "everybody on this machine"),
        (0o622, "everybody on this machine"),
        (0o666, "everybody on this machine"),
        (0o777, "everybody on this machine"),
        (0o620, "its group"),
        (0o660, "its group"),
    ],
)
def test_a_file_that_others_can_write_is_one(tmp_path: Path, mode: int, who: str) -> None:
    assert found(secret_file(tmp_path, mode=mode)) == [f"{who} can write to the file (mode {mode:04o})"]


@pytest.mark.parametrize(("mode", "count"), [(0o777, 1), (0o757, 1), (0o1777, 0), (0o3777, 0), (0o775, 0), (0o755, 0)])
def test_a_directory_that_everybody_can_write_to_is_one_without_the_sticky_bit(tmp_path: Path, mode: int, count: int) -> None:
    for depth in (0, 1, 2):
        folder = tmp_path / f"{depth}"
        deep = folder.joinpath(*["below"] * depth)
        deep.mkdir(parents=True)
        file = secret_file(deep)
        folder.chmod(mode)
        said = found(file)
        assert len(said) == count
        assert all(f"{folder} is writable by others (mode {mode:04o}, no sticky bit)" in what for what in said)


@needs_root
@pytest.mark.parametrize("what", ["file", "directory", "link"])
def test_a_file_of_another_user_is_a_danger(tmp_path: Path, what: str) -> None:
    file = secret_file(tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    link = folder / "link"
    link.symlink_to(file)
    os.chown({"file": file, "directory": folder, "link": link}[what], STRANGER, -1, follow_symlinks=False)
    (said,) = found(link)
    assert f"user {STRANGER}" in said
    if what != "directory":
        assert [danger for danger in dangers(link, "the file", user=STRANGER) if f"{STRANGER}" in danger.what] == []


def test_what_belongs_to_root_or_to_the_process_is_none(tmp_path: Path) -> None:
    file = secret_file(tmp_path)
    owners = {status.st_uid for _, status in trail(file)}
    assert owners <= {0, os.geteuid()}
    assert found(file) == []
    if os.geteuid() == 0:
        assert [danger.what for danger in dangers(file, "the file", user=STRANGER)] == []


def test_every_link_on_the_way_is_followed_and_judged(tmp_path: Path) -> None:
    safe, open_to_all = tmp_path / "safe", tmp_path / "open"
    for folder in (safe, open_to_all):
        folder.mkdir()
    target = secret_file(safe)
    (open_to_all / "hop").symlink_to("../safe/secret")
    (safe / "link").symlink_to(open_to_all / "hop")
    open_to_all.chmod(0o777)
    (said,) = found(safe / "link")
    assert f"{open_to_all} is writable by others" in said
    assert [entry for entry, _ in trail(safe / "link")][-1] == target


def test_links_that_go_round_in_circles_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert len(list(trail(tmp_path / "a"))) < 100
    assert found(tmp_path / "a") == []
    assert found(tmp_path / "none" / "x") == []


def test_a_folder_as_kubernetes_mounts_it_is_safe(tmp_path: Path) -> None:
    mounted = Mounted(tmp_path / "mounted", {"secret": "s3cret"})
    mounted.folder.chmod(0o3777)  # as the kubelet makes it: sticky, with the group of the pod
    assert found(mounted / "secret") == []
    mounted.folder.chmod(0o777)
    assert len(found(mounted / "secret")) == 1


def every_file(folder: Path) -> dict[str, Path]:
    """A usable file for each setting that names one."""
    authority = Authority(folder)
    own = authority.sign("localhost")
    keys = secret_file(folder, f'[[keys]]\nname = "shop"\nsha256 = "{"0" * 64}"\n', name="keys.toml")
    secret = secret_file(folder)
    named = {
        "upstream.ca_file": authority.file,
        "inbound.api_keys_file": keys,
        "inbound.tls_client_ca_file": authority.file,
        "history.path": folder / "history",
        "use.path": folder / "use",
    }
    for key in FILES:
        if key.endswith("certificate_file"):
            named[key] = own.certificate
        elif key.endswith(("client_key_file", "tls_key_file", "private_key_file")):
            named[key] = own.key
        named.setdefault(key, secret)
    return named


def settings_with(folder: Path, key: str, files: dict[str, Path]) -> tuple[str, dict[str, str]]:
    """A configuration with this one file, and what else it needs; and variables."""
    section, _, name = key.rpartition(".")
    head = {"": "", "accounts": '[[accounts]]\nrealm = "a"\nclient_id = "b"\n', "inspector": '[inspector]\nrealm = "a"\nclient_id = "b"\n'}
    needed = {
        "upstream.client_certificate_file": ("client_certificate_file", "client_key_file"),
        "inbound.tls_certificate_file": ("tls_certificate_file", "tls_key_file"),
        "inbound.tls_client_ca_file": ("tls_certificate_file", "tls_key_file", "tls_client_ca_file"),
    }
    for owner in ("accounts", "inspector"):
        needed[f"{owner}.client_secret_previous_file"] = ("client_secret_file", "client_secret_previous_file")
    pairs = {"upstream.client_key_file": "upstream.client_certificate_file", "inbound.tls_key_file": "inbound.tls_certificate_file"}
    names = needed.get(pairs.get(key, key), (name,))
    lines = [f'{each} = "{files[f"{section}.{each}" if section else each]}"\n' for each in names]
    return head.get(section, f"[{section}]\n") + "".join(lines), {"KCPROXY_UPSTREAM": "https://localhost:8443"}


@pytest.mark.parametrize("key", FILES)
def test_every_setting_that_names_a_file_reports_it(tmp_path: Path, key: str) -> None:
    files = every_file(tmp_path)
    file = files[key]
    files["history.path"].touch()
    files["use.path"].touch()
    text, environ = settings_with(tmp_path, key, files)
    for each in {*files.values()}:
        each.chmod(0o600)
    for mode, said in ((0o600, 0), (0o602, 1), (0o622, 1)):
        file.chmod(mode)
        notes = [note for note in read(config(tmp_path, text), environ).notes if f"can write to {file}" in note]
        notes = [note for note in notes if f"{key.rpartition('.')[2]}: " in note]  # two settings may name the same file here
        assert len(notes) == said
        assert all(f"{key.rpartition('.')[2]}: everybody on this machine can write" in note and "chmod go-w" in note for note in notes)


def test_the_configuration_file_is_reported_too(tmp_path: Path) -> None:
    file = config(tmp_path, "")
    file.chmod(0o646)
    (note,) = read(file, UPSTREAM).notes
    assert note == f"{file}: everybody on this machine can write to {file} (mode 0646); chmod go-w"


class TestVolumesOfKubernetes:
    """Where ``chmod`` has no effect, and ``defaultMode: 0440`` alone locks the process out: the pod needs ``fsGroup``."""

    @pytest.mark.parametrize(
        ("name", "remedy"),
        [
            ("client_secret_file", f"set defaultMode: 0440 for the volume and fsGroup: {os.getegid()} in the pod's securityContext; both,"),
            ("assertion_file", f"set fsGroup: {os.getegid()} in the pod's securityContext; the kubelet then lets only that group read"),
        ],
    )
    def test_the_remedy_is_the_pods_and_never_chmod(self, tmp_path: Path, name: str, remedy: str) -> None:
        volume = Mounted(tmp_path / "volume", {"credential": "a.b.c"})
        (volume / "credential").resolve().chmod(0o644)  # as the kubelet creates both without fsGroup
        (note,) = read(environ=UPSTREAM | ACCOUNT | {f"KCPROXY_ACCOUNT__{name.upper()}": str(volume / "credential")}).notes
        assert remedy in note
        assert "chmod" not in note

    def test_a_file_elsewhere_is_changed_with_chmod_and_nothing_of_kubernetes_is_said(self, tmp_path: Path) -> None:
        file = secret_file(tmp_path, mode=0o644)
        (note,) = read(environ=UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(file)}).notes
        assert note.endswith("; chmod 600")


class TestHistory:
    @pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
    @pytest.mark.parametrize(("mode", "count"), [(0o600, 0), (0o644, 1), (0o640, 1), (0o604, 1)])
    def test_one_that_others_can_read_is_reported(self, tmp_path: Path, ending: str, mode: int, count: int) -> None:
        path = tmp_path / "history"
        for each in ("", ending):
            secret_file(tmp_path, "", name=path.name + each)
        (tmp_path / (path.name + ending)).chmod(mode)
        notes = read(config(tmp_path, f'[history]\npath = "{path}"\n'), UPSTREAM).notes
        said = [note for note in notes if f"others can read {path}{ending} (mode {mode:04o}); chmod 600" in note]
        assert (len(said), len(notes)) == (count, count)

    @pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
    def test_one_that_is_a_link_is_refused(self, tmp_path: Path, ending: str) -> None:
        path = tmp_path / "history"
        elsewhere = secret_file(tmp_path, "", name="elsewhere")
        (tmp_path / (path.name + ending)).symlink_to(elsewhere)
        (problem,) = problems(config(tmp_path, f'[history]\npath = "{path}"\n'), UPSTREAM)
        assert f"history.path: {path}{ending} is a symbolic link, which could lead the proxy to another file; remove it" in problem

    def test_two_problems_of_two_files_are_both_reported(self, tmp_path: Path) -> None:
        path = tmp_path / "history"
        secret_file(tmp_path, "", name="history", mode=0o644)
        (tmp_path / "history-wal").symlink_to("/etc/hostname")
        (tmp_path / "history-shm").mkdir()
        found = problems(config(tmp_path, f'[history]\npath = "{path}"\n'), UPSTREAM)
        assert ["history-wal is a symbolic link" in found[0], "history-shm is not a regular file" in found[1]] == [True, True]

    def test_the_directory_of_one_that_is_not_there_yet_counts(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        folder.chmod(0o777)
        (note,) = read(config(tmp_path, f'[history]\npath = "{folder}/history"\n'), UPSTREAM).notes
        assert f"everybody on this machine can replace {folder}/history: {folder} is writable by others" in note


class TestUnixSocket:
    def test_the_directory_counts(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        folder.chmod(0o777)
        (note,) = read(environ=UPSTREAM, flags={"listen": f"unix:{folder}/s"}).notes
        assert f"--listen: listen: everybody on this machine can replace {folder}/s: {folder} is writable by others" in note
        folder.chmod(0o1777)
        assert read(environ=UPSTREAM, flags={"listen": f"unix:{folder}/s"}).notes == ()

    def test_a_link_in_its_place_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "s").symlink_to("/run/other.sock")
        (problem,) = problems(environ=UPSTREAM, flags={"listen": f"unix:{tmp_path}/s"})
        assert f"listen: {tmp_path}/s is a symbolic link; remove it" in problem

    def test_an_own_socket_left_behind_is_fine(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(tmp_path / "s"))
        assert read(environ=UPSTREAM, flags={"listen": f"unix:{tmp_path}/s"}).notes == ()


def test_a_relative_path_that_might_be_the_secret_itself_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    secret_file(tmp_path, name="tOp-sEcReT", mode=0o606)
    notes = read(environ=UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": "tOp-sEcReT"}).notes
    assert len(notes) == 2
    assert not any("tOp-sEcReT" in note for note in notes)
