"""The Dockerfile: what it promises, and its commands run in a folder instead of an image. Building it needs a builder and a base image."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kcproxy import __version__
from kcproxy.cli import check, serve
from tests.cli.running import clean_environ
from tests.deploy.dockerfile import ROOT, Instruction, of_kind, sent_to_the_builder, stages

BUILD, FINAL = stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def only(stage: list[Instruction], name: str) -> Instruction:
    (found,) = of_kind(stage, name)
    return found


def test_it_has_two_stages_on_one_base_and_the_second_has_nothing_but_what_was_built() -> None:
    assert (only(BUILD, "FROM").rest, only(FINAL, "FROM").rest) == ("${BASE} AS build", "${BASE}")
    assert only(FINAL, "COPY").rest == "--from=build /opt/kcproxy /opt/kcproxy"
    assert of_kind(FINAL, "RUN") == []


def test_the_base_is_pinned_by_digest_and_no_other_image_takes_part() -> None:
    """Anyone who may write to a registry can put another image under a tag, and ``# syntax=`` runs one at build time."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (base,) = re.findall(r"^ARG BASE=(.*)$", text, re.MULTILINE)
    assert re.fullmatch(r"[a-z0-9./:-]+:[\w.-]+@sha256:[0-9a-f]{64}", base), base
    images = [instruction.rest.split()[0] for instruction in (*BUILD, *FINAL) if instruction.name == "FROM"]
    copied_from = re.findall(r"--from=(\S+)", text)
    assert (set(images), set(copied_from)) == ({"${BASE}"}, {"build"})
    assert not re.search(r"^#\s*(syntax|check)\s*=", text, re.MULTILINE)


def test_it_runs_as_a_number_and_ends_on_sigterm() -> None:
    assert only(FINAL, "USER").rest == "65532:65532"
    assert only(FINAL, "STOPSIGNAL").rest == "SIGTERM"


def test_every_file_that_it_copies_is_there_and_is_sent_to_the_builder() -> None:
    sent = sent_to_the_builder((ROOT / ".dockerignore").read_text(encoding="utf-8"))
    copied = {word.removeprefix("./") for instruction in of_kind(BUILD, "COPY") for word in instruction.words[:-1]}
    assert copied == sent - {name for name in sent if not (ROOT / name).exists()}


def test_every_installation_is_locked_with_hashes_or_of_what_was_built_here() -> None:
    installs = [part for run in of_kind(BUILD, "RUN") for part in run.rest.split("&&") if re.search(r"\bpip (install|wheel)\b", part)]
    assert len(installs) == 4
    assert [part for part in installs if "--require-hashes" not in part and "--no-index" not in part] == []


def test_labels_name_the_version_and_the_licence() -> None:
    labels = only(FINAL, "LABEL").rest
    for name in ("title", "description", "version", "revision", "licenses"):
        assert f"org.opencontainers.image.{name}=" in labels
    assert Instruction(name="ARG", rest=f"VERSION={__version__}") in FINAL


def test_the_health_check_and_the_command_are_ones_that_kcproxy_takes() -> None:
    health = only(FINAL, "HEALTHCHECK").words
    assert health[:3] == ["kcproxy", "check", "--ready"]
    assert check.command.make_context("check", health[2:]).params["of_process"] == 1
    assert only(FINAL, "ENTRYPOINT").words == ["kcproxy"]
    command = only(FINAL, "CMD").words
    assert serve.command.make_context("serve", command[1:]).params["config"] == Path("/etc/kcproxy/kcproxy.toml")


@pytest.mark.parametrize("lock", ["requirements.lock", pytest.param("requirements.extras.lock", marks=pytest.mark.live_long)])
def test_the_build_stages_commands_give_a_program_that_runs(tmp_path: Path, lock: str) -> None:
    """With this machine's Python in place of the base image's, and a folder in place of its root."""
    assert Instruction(name="ARG", rest="LOCK=requirements.lock") in BUILD
    for instruction in BUILD:
        if instruction.name == "WORKDIR":
            (tmp_path / instruction.rest.lstrip("/")).mkdir(parents=True)
        elif instruction.name == "COPY":
            _copy(instruction.words, tmp_path)
        elif instruction.name == "RUN":
            _run(instruction.rest, tmp_path, lock)
    program = tmp_path / "opt" / "kcproxy" / "bin" / "kcproxy"
    assert said(program, "--version") == f"kcproxy, version {__version__}"
    assert "All checks passed." in said(program, "demo")
    modules = ("grpc", "asyncpg", "opentelemetry.sdk")
    there = [name for name in modules if _has(program.with_name("python"), name)]
    assert there == (list(modules) if lock == "requirements.extras.lock" else [])
    assert not (program.parent / "pip").exists()  # what could fetch more does not belong into an image
    assert list((tmp_path / "wheel").glob("*.whl")) == [tmp_path / "wheel" / f"kcproxy-{__version__}-py3-none-any.whl"]


def _copy(words: list[str], root: Path) -> None:
    *sources, target = words
    for name in sources:
        place = root / "src" / (target if not target.endswith("/") else f"{target}{name}")
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, place)


def _run(command: str, root: Path, lock: str) -> None:
    here = re.sub(r"(?<![\w.])/(opt|wheel)\b", rf"{root}/\1", command)
    here = re.sub(r"^python ", f"{sys.executable} ", here)
    done = subprocess.run(
        ["bash", "-c", here],
        cwd=root / "src",
        env=_environment() | {"LOCK": lock},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _has(python: Path, module: str) -> bool:
    return (
        subprocess.run([python, "-c", f"import {module}"], env=_environment(), capture_output=True, timeout=60, check=False).returncode == 0
    )


def said(program: Path, *words: str) -> str:
    done = subprocess.run([program, *words], env=_environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _environment() -> dict[str, str]:
    kept = clean_environ()
    return {name: value for name, value in kept.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"} and not name.startswith("KEYCLOAK_")}


@pytest.mark.skipif(
    shutil.which("docker") is None or os.system("docker info >/dev/null 2>&1") != 0, reason="no Docker daemon that could build the image"
)
def test_docker_builds_it() -> None:
    subprocess.run(["docker", "build", "--quiet", "--tag", "kcproxy:test", str(ROOT)], check=True, timeout=290, capture_output=True)
    done = subprocess.run(
        ["docker", "run", "--rm", "--read-only", "kcproxy:test", "--version"], check=True, timeout=60, capture_output=True, text=True
    )
    assert done.stdout.strip() == f"kcproxy, version {__version__}"
