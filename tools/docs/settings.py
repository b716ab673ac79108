"""docs/settings.md, from the table of settings."""

from collections.abc import Iterator

from kcproxy.settings.file_contents import FILES
from kcproxy.settings.merge import toml_value
from kcproxy.settings.schema import FIELDS, SECTION_DOCS, Field
from tools.docs.markdown import GENERATED, code, table

FILE = "docs/settings.md"
_INTRODUCTION = f"""\
# Settings
{GENERATED}

Settings come from a TOML file, from the environment and from flags. Flags beat environment beats file, setting by setting. The file is
the one that `--config` or `KCPROXY_CONFIG` names; without either there is none. [config/kcproxy.toml](../config/kcproxy.toml) has every
setting with its default, and [a JSON Schema](../config/kcproxy.schema.json) for editors.

```sh
kcproxy check --print --offline   # every value that took effect, and where it came from
kcproxy check                     # is Keycloak there, does each account get a token?
```

**All problems at once.** Unknown names, values that cannot be read, files that are not there and settings that contradict each other are
reported together, each with its place (file and line, variable, flag) and a remedy, and end the program with exit code 2.

**Variables.** `KCPROXY_` and the setting's name in capitals, two underscores between table and name. An empty variable counts as not
set. Lists are separated by commas (`users,groups`) or written as JSON. Short forms: `KCPROXY_UPSTREAM` for the URL, and
`KCPROXY_ACCOUNT__…` for the one account there is; of several, the first is `KCPROXY_ACCOUNTS__0__…`. The variables that Kubernetes
makes of a Service named kcproxy (`KCPROXY_SERVICE_HOST`, `KCPROXY_PORT`, …) are left alone.

**Secrets** stand in files of their own, named by settings that end in `_file`; the variable then ends in `_FILE`. A file is read again
for each use, so that a rotated secret needs no restart; a relative path starts at the working directory. The configuration file takes
no secret itself; the environment does, with a note that a file is safer. There is no flag for a secret: command lines can be read by
every user of the machine.

A minimal sidecar that adds its account's token:

```sh
export KCPROXY_UPSTREAM=https://login.example.com
export KCPROXY_ACCOUNT__REALM=shop
export KCPROXY_ACCOUNT__CLIENT_ID=shop-backend
export KCPROXY_ACCOUNT__CLIENT_SECRET_FILE=/run/secrets/shop-backend
kcproxy serve
```

**Adding tokens is refused where strangers can reach the port.** With an account, `listen` has to be loopback or a Unix socket, or callers
have to prove themselves (`[inbound]`); otherwise whoever reaches the port acts with the account's roles.
"""

_FILES = """\
## Files and their content

What takes effect when the *content* of a file changes, without a change of settings. *Watched*: within about a second of the change, as on SIGHUP,
and all files together or none; files that cannot be used are refused with the reason, and the old ones stay ([reload.md](reload.md)). Changes are seen
behind symbolic links too, so mount whole folders of Kubernetes Secrets and ConfigMaps, never with `subPath`. The configuration file itself is
watched as well; the system's own authorities, where no `ca_file` is given, are read with each reload.
"""


def documents() -> dict[str, str]:
    """The document by its path."""
    sections = (line for section in SECTION_DOCS for line in _section(section))
    return {FILE: "\n".join([_INTRODUCTION, *sections, *_files()])}


def _files() -> Iterator[str]:
    yield from _FILES.splitlines()
    yield from table(("Setting", "Its content", "A change"), [(code(key), use.content.value, use.effect) for key, use in FILES.items()])
    yield ""


def _section(section: str) -> Iterator[str]:
    title = {"": "At the top", "accounts": "`[[accounts]]`"}.get(section, f"`[{section}]`")
    yield f"## {title}"
    yield ""
    yield SECTION_DOCS[section]
    yield ""
    yield from table(("Name", "Meaning", "Value", "Default", "Variable", "Flag"), [_row(row) for row in FIELDS if row.section == section])
    yield ""


def _row(row: Field) -> tuple[str, ...]:
    value = row.kind.words + (f" ({row.unit})" if row.unit else "")
    name = code(row.name) if not row.literal_only_in_environment else f"{code(row.name)} (environment only)"
    return name, row.doc, value, _default(row), code(row.variable), code(row.flag) if row.flag else ""


def _default(row: Field) -> str:
    if row.default_words:
        return row.default_words
    return "" if row.default is None else code(toml_value(row.default))
