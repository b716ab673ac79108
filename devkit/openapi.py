"""Keycloak's OpenAPI document of the Admin REST API, generated from the classes of a distribution.

The distribution does not contain the document. It contains the annotated classes, and the generator (SmallRye OpenAPI) reads those.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

GENERATOR_VERSION = "4.0.10"
_PACKAGES = ("org.keycloak.services.resources.admin", "org.keycloak.organization.admin.resource", "org.keycloak.representations")
_JARS = ("org.keycloak.keycloak-*.jar", "jakarta.ws.rs.*.jar", "org.eclipse.microprofile.openapi.*.jar")
_SECONDS = 300
_PROJECT = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kcproxy.devkit</groupId><artifactId>openapi</artifactId><version>1</version>
  <dependencies>{dependencies}</dependencies>
  <build><plugins><plugin>
    <groupId>io.smallrye</groupId><artifactId>smallrye-open-api-maven-plugin</artifactId><version>{generator}</version>
    <executions><execution><goals><goal>generate-schema</goal></goals></execution></executions>
    <configuration>
      <infoTitle>Keycloak Admin REST API</infoTitle><infoVersion>1.0</infoVersion>
      <scanPackages>{packages}</scanPackages>
      <scanDependenciesDisable>false</scanDependenciesDisable>
      <includeDependenciesScopes>system</includeDependenciesScopes>
    </configuration>
  </plugin></plugins></build>
</project>
"""


def openapi_document(distribution: Path, folder: Path) -> dict[str, Any]:
    """The document of a distribution, generated with Maven in an empty folder. Raises RuntimeError with the output if that fails."""
    dependencies = "".join(map(_dependency, _jars(distribution)))
    project = _PROJECT.format(dependencies=dependencies, generator=GENERATOR_VERSION, packages=",".join(_PACKAGES))
    (folder / "pom.xml").write_text(project, encoding="utf-8")
    done = subprocess.run(["mvn", "-B", "-q", "process-classes"], cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    generated = folder / "target" / "generated" / "openapi.json"
    if done.returncode or not generated.exists():
        raise RuntimeError(f"Maven did not generate the OpenAPI document:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    document: dict[str, Any] = json.loads(generated.read_text(encoding="utf-8"))
    return document


def _jars(distribution: Path) -> Iterator[Path]:
    for pattern in _JARS:
        yield from sorted((distribution / "lib" / "lib" / "main").glob(pattern))


def _dependency(jar: Path) -> str:
    return (
        f"<dependency><groupId>distribution</groupId><artifactId>{escape(jar.stem)}</artifactId><version>1</version>"
        f"<scope>system</scope><systemPath>{escape(str(jar.resolve()))}</systemPath></dependency>"
    )
