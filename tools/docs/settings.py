"""docs/settings.md, from the declarations of the settings."""

from collections.abc import Iterator

from kcproxy.settings.declaration import Setting
from kcproxy.settings.merge import toml_value
from kcproxy.settings.schema import FILES, SECTION_DOCS, SETTINGS
from tools.docs.markdown import GENERATED, code, table

FILE = "docs/settings.md"
_INTRODUCTION = f"""\
# Settings
{GENERATED}

Settings come from a TOML file, the environment and flags. For each setting, flags take precedence over the environment, and the
environment over the file. `--config` or `KCPROXY_CONFIG` names the file; without either there is none.
[config/kcproxy.toml](../config/kcproxy.toml) has every setting with its default. Editors can use
[the JSON Schema](../config/kcproxy.schema.json).

```sh
kcproxy check --print --offline   # every effective value, and its origin
kcproxy check                     # is Keycloak reachable, does each account get a token?
```

**All problems at once.** Unknown names, unreadable values, missing files and contradictions are reported together, each with its
location (file and line, variable, flag) and a remedy. The exit code is 2.

**Variables.** `KCPROXY_` and the name of the setting in capitals, with two underscores between table and name. An empty variable counts
as not set. Separate the items of a list by commas (`users,groups`), or write JSON. Short forms: `KCPROXY_UPSTREAM` for the URL, and
`KCPROXY_ACCOUNT__…` for a single account. If there are several, the first is `KCPROXY_ACCOUNTS__0__…`. Variables that Kubernetes
creates for a Service named kcproxy (`KCPROXY_SERVICE_HOST`, `KCPROXY_PORT`, …) are ignored.

**Secrets** are in files of their own, named by settings that end in `_file` (variables: `_FILE`). A file is read at each use, so you can
rotate a secret without a restart. A relative path starts at the working directory. The configuration file accepts no secrets. The
environment does, with a note that a file is safer. There are no flags for secrets, because every user of the machine can read command
lines.

**Change** says when a changed value takes effect: `reload` on SIGHUP or when the configuration file changes, `restart` only with the next
start ([reload.md](reload.md)).

A minimal sidecar that adds its account's token:

```sh
export KCPROXY_UPSTREAM=https://login.example.com
export KCPROXY_ACCOUNT__REALM=shop
export KCPROXY_ACCOUNT__CLIENT_ID=shop-backend
export KCPROXY_ACCOUNT__CLIENT_SECRET_FILE=/run/secrets/shop-backend
kcproxy serve
```

**Injecting tokens requires a protected listener.** With an account, `listen` must be loopback or a Unix socket, or clients must
authenticate (`[inbound]`). Otherwise every client that reaches the port could use the roles of the account.
"""

_FILES = """\
## Files and their content

This table says what happens when the *content* of a file changes while the settings stay the same. *Watched*: a change is a reload, within
about a second, of all files together. If one of them cannot be used, the log has the reason and the old files stay in use
([reload.md](reload.md)). Changes behind symbolic links are seen too, so mount whole directories of Kubernetes Secrets and ConfigMaps, never
with `subPath`. The configuration file itself is watched as well. Without `ca_file`, the authorities of the system are read at each reload.
"""


def documents() -> dict[str, str]:
    """The document by its path."""
    sections = (line for section in SECTION_DOCS for line in _section(section))
    return {FILE: "\n".join([_INTRODUCTION, *sections, *_files()])}


def _files() -> Iterator[str]:
    yield from _FILES.splitlines()
    yield from table(("Setting", "Content", "After a change"), [(code(key), use.content.value, use.effect) for key, use in FILES.items()])
    yield ""


def _section(section: str) -> Iterator[str]:
    title = {"": "At the top", "accounts": "`[[accounts]]`"}.get(section, f"`[{section}]`")
    yield f"## {title}"
    yield ""
    yield SECTION_DOCS[section]
    yield ""
    yield from table(
        ("Name", "Meaning", "Value", "Default", "Variable", "Flag", "Change"), [_row(row) for row in SETTINGS if row.section == section]
    )
    yield ""


def _row(row: Setting) -> tuple[str, ...]:
    value = row.kind.words + (f" ({row.unit})" if row.unit else "")
    name = code(row.name) if not row.literal_only_in_environment else f"{code(row.name)} (environment only)"
    return name, row.doc, value, _default(row), code(row.variable), code(row.flag) if row.flag else "", row.change.value


def _default(row: Setting) -> str:
    if row.default_words:
        return row.default_words
    return "" if row.default is None else code(toml_value(row.default))
