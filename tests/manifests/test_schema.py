from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from pki_as_code.errors import NotFoundError
from pki_as_code.manifests import KINDS
from pki_as_code.manifests.schema import (
    all_schemas,
    explain_field,
    kind_schema,
    main,
    manifest_schema,
    schema_names,
    stale_schemas,
)
from tests.manifests.test_corpus import document_of

ROOT = Path(__file__).parents[2]


def schemas_in(value):
    """Yield every schema inside of a schema."""
    if isinstance(value, dict):
        if "type" in value or "properties" in value:
            yield value
        for item in value.values():
            yield from schemas_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from schemas_in(item)


def test_the_committed_schemas_are_what_the_models_say():
    assert stale_schemas(ROOT / "schemas/v1") == []


def test_making_them_twice_gives_the_same_bytes():
    code = (
        "from pki_as_code.manifests.schema import all_schemas; import hashlib;"
        "print(hashlib.sha256(repr(all_schemas()).encode()).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    outputs = {
        subprocess.run(
            command, check=True, capture_output=True, cwd=ROOT, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_is_valid_draft_7(name):
    schema = kind_schema(name)
    Draft7Validator.check_schema(schema)
    assert schema["$id"].endswith(f":{name}")
    assert "$defs" not in json.dumps(schema)


@pytest.mark.parametrize("name", schema_names())
def test_no_mapping_takes_unknown_keys(name):
    schema = kind_schema(name)
    for part in schemas_in(schema.get("definitions", {})):
        if part.get("type") == "object":
            assert "additionalProperties" in part
            assert part["additionalProperties"] is not True


@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
def test_every_field_is_described(kind):
    schema = kind_schema(kind)
    ours = [d for name, d in schema["definitions"].items() if name == f"{kind}Spec"]
    assert ours
    for part in (schema, *ours):
        for name, field in part["properties"].items():
            described = field.get("description")
            assert described or name == "kind", name
            assert "\n" not in (described or "")


def test_defaults_are_written_as_people_write_them():
    definitions = kind_schema("CertificateAuthority")["definitions"]
    assert definitions["Crl"]["properties"]["validity"]["default"] == "7d"
    watcher = kind_schema("Watcher")["definitions"]["WatcherSpec"]["properties"]
    assert watcher["before"]["default"] == ["14d", "7d", "3d", "1d"]
    renewal = kind_schema("Profile")["definitions"]["Renewal"]["properties"]
    assert renewal["before"]["default"] == "33%"


def test_kinds_share_definitions_of_one_name():
    together = manifest_schema()["definitions"]
    for kind in KINDS:
        for name, definition in kind_schema(kind.__name__)["definitions"].items():
            assert together[name] == definition


def test_a_misspelt_key_is_reported_as_one_and_not_as_a_wrong_kind():
    document = document_of(ROOT / "tests/manifests/corpus/bad/unknown_key.yaml")
    (error,) = Draft7Validator(manifest_schema()).iter_errors(document.data)
    assert list(error.absolute_path) == ["spec"]
    assert "dnsNames" in error.message


def test_stale_missing_and_left_over_files_are_named(tmp_path, capsys):
    main([str(tmp_path)])
    main(["--check", str(tmp_path)])
    directory = tmp_path / "v1"
    assert {path.name for path in directory.iterdir()} == set(all_schemas())
    (directory / "watcher.json").write_text("{}")
    (directory / "gone.json").write_text("{}")
    (directory / "project.json").unlink()
    assert stale_schemas(directory) == ["gone.json", "project.json", "watcher.json"]
    with pytest.raises(SystemExit) as end:
        main(["--check", str(tmp_path)])
    assert end.value.code == 1
    assert capsys.readouterr().err.count("is stale") == 3
    main([str(tmp_path)])
    assert stale_schemas(directory) == []


def test_an_unknown_schema_is_an_error_with_the_likely_name():
    assert kind_schema("CERTIFICATE") == kind_schema("certificate")
    with pytest.raises(NotFoundError) as error:
        kind_schema("Certifcate")
    assert error.value.help == "did you mean `Certificate`?"


# --- Explaining ----------------------------------------------------------------------------------


def test_a_field_is_explained_with_type_description_and_values():
    text = explain_field("Certificate.spec.csrFile")
    assert text.startswith("Certificate.spec.csrFile  <text>\n\nFile with the certificate signing")
    text = explain_field("Revocation.spec.reason")
    assert 'default: "unspecified"' in text
    assert "allowed: unspecified, keyCompromise" in text
    assert "most: 65535" in explain_field("Project.spec.notifications.smtp.port")
    assert "required" in explain_field("Watcher.spec.notify").split("\n")[0]
    assert "<list of text>" in explain_field("Watcher.spec.notify")


def test_a_mapping_is_explained_with_its_fields():
    text = explain_field("certificateauthority.SPEC.crl")
    assert text.startswith("CertificateAuthority.spec.crl  <mapping>")
    assert "refreshBefore" in text
    assert "critical" in explain_field("Certificate.spec.extensions.keyUsage")
    assert "policyIdentifier" in explain_field(
        "Certificate.spec.extensions.certificatePolicies.value"
    )
    assert "spec*" in explain_field("Certificate")


@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
def test_everything_there_is_can_be_explained(kind):
    def walk(path: str) -> None:
        text = explain_field(path)
        assert text.endswith("\n")
        assert "None" not in text.split("\n")[0]
        lines = text.split("fields:\n")[1].split("\n") if "fields:\n" in text else []
        for line in lines:
            if line.startswith("  ") and not line.startswith("  ("):
                walk(f"{path}.{line.split()[0].rstrip('*')}")

    walk(kind)


@pytest.mark.parametrize(
    ("path", "help_text"),
    [
        ("Certifcate", "did you mean `Certificate`?"),
        ("Certificate.spec.dnsNames", "did you mean `subjectAltNames`?"),
        ("Certificate.spec.renewal.befor", "did you mean `before`?"),
        ("Certificate.spec.csrFile.x", ""),
    ],
)
def test_what_is_not_there_cannot_be_explained(path, help_text):
    with pytest.raises(NotFoundError) as error:
        explain_field(path)
    assert error.value.help == help_text
