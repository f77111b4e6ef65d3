"""`yaml.*`, `manifest.*` and the values in manifests: how they are written."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

_READ_AS_PEOPLE_DO = (
    "YAML has features that make a file mean something else than what its reader sees. Manifests "
    "are reviewed by people, so that only the plain part of YAML is read."
)

YAML = explanations(
    "yaml",
    {
        "alias": "The file uses a YAML alias (`*name`).",
        "anchor": "The file uses a YAML anchor (`&name`).",
        "control_character": (
            "The file has a character that cannot be seen.",
            "Such characters hide text from a reviewer, or change the order in which it is shown.",
            "Remove it; an editor that shows invisible characters helps.",
        ),
        "directive": "The file has a YAML directive (`%YAML`, `%TAG`).",
        "duplicate_key": (
            "The same key stands twice in one mapping.",
            "Parsers disagree about which one counts, and a reviewer may see only one of them.",
            "Remove one of the two.",
        ),
        "merge_key": "The file uses a YAML merge key (`<<`).",
        "non_string_key": "A key is not plain text.",
        "not_utf8": (
            "The file is not UTF-8 text.",
            "In another encoding the same bytes are other names.",
            "Save it as UTF-8.",
        ),
        "syntax": (
            "The file is not YAML.",
            "Nothing can be concluded from a file that cannot be parsed; in particular not that "
            "its objects were removed.",
            "The caret shows where the parser stopped; often the line before is the cause.",
        ),
        "tag": "The file uses a YAML tag (`!name`).",
        "too_deep": "Values are nested deeper than any manifest needs.",
        "too_large": "The file is larger than a manifest may be (256 KiB).",
        "too_long_integer": "A number has more digits than any number in a manifest.",
        "too_many_documents": "The file has more documents than are read.",
        "too_many_nodes": "The file has more values than are read.",
    },
    why=_READ_AS_PEOPLE_DO,
    remedy="Write the values out, one object to a file; quote text that begins with a special "
    "character.",
)

MANIFEST = explanations(
    "manifest",
    {
        "cannot_edit": (
            "A manifest cannot be changed without changing more of it than that.",
            "Comments and the order of lines belong to who wrote them.",
            "Change it by hand, as the message says.",
        ),
        "conflict": "Two fields that exclude each other are both given.",
        "duplicate": (
            "Two manifests describe the same object.",
            "An object is known by its kind, namespace and name, wherever its file is.",
            "Rename one of the two, or remove it.",
        ),
        "empty_file": "A file in a place of manifests holds nothing.",
        "empty_value": "A field is there without a value.",
        "exists": "There is an object of that name already.",
        "invalid": "Manifests cannot be read, or contradict each other.",
        "invalid_branch": "This is not the name of a branch.",
        "invalid_email": "This is not an e-mail address.",
        "invalid_host": "This is not a host name or an address.",
        "invalid_key_uri": "This does not name a place where a key can be kept.",
        "invalid_label": "This is not a label.",
        "invalid_name": "This is not a name an object can have.",
        "invalid_sha256": "This is not a SHA-256 in hexadecimal.",
        "invalid_store": "This does not name a store.",
        "invalid_url": "This is not an absolute http or https URL.",
        "invalid_value": "A field has a value that it cannot have.",
        "misplaced": (
            "A manifest is where its kind may not be, or where none is read.",
            "The place of a file decides about its namespace and about who may change it, so that "
            "a manifest elsewhere is not what it seems to be.",
            "Move it to the directory of its kind; docs/manifests.md lists them.",
        ),
        "missing_field": "A field that is always needed is missing.",
        "namespace_name": (
            "A directory below certificates/ and the namespace in it do not fit.",
            "The directory is the namespace: who owns the directory owns the names in it.",
            "Give the Namespace the name of its directory, of lower-case letters, digits and `-`.",
        ),
        "no_name": "No name of an object can be made of this text.",
        "not_a_mapping": "The document is not a mapping with apiVersion, kind, metadata and spec.",
        "not_pem": "A field that should hold PEM text does not.",
        "out_of_range": "A number is smaller or larger than it may be.",
        "private_key": (
            "There is a private key in a manifest.",
            "Whoever can read the repository, now or from its history, has the key.",
            "Remove it, and make a new key: what was in a repository is no longer private.",
        ),
        "schema": (
            "The JSON Schema refuses what the program's models accept.",
            "Both are made from one source and must agree.",
            "Please report it, with the manifest.",
        ),
        "secret": (
            "A URI in a manifest holds a user or a password.",
            "Whoever can read the repository, now or from its history, has the password.",
            "Give it by the environment, and change the password.",
        ),
        "text_length": "A text is empty, or longer than it may be.",
        "unknown_api_version": "There is no such apiVersion.",
        "unknown_key": (
            "A key is not one that this kind of manifest has.",
            "A misspelt key that was ignored would be a setting that is silently not in force.",
            "Correct the spelling; `pkictl explain KIND.spec` lists the keys.",
        ),
        "unknown_kind": "There is no such kind of manifest.",
        "unknown_value": "A field has a value that is not one of those it can have.",
        "unreadable": "A manifest that is to be changed cannot be read.",
        "unquoted": (
            "A value that must be text is written without quotes and looks like something else.",
            "YAML parsers read it as a number or a time: a serial number loses its leading zeros.",
            "Put it into double quotes.",
        ),
        "unwritable": "A manifest cannot be written as YAML that reads back the same.",
        "wrong_length": "A list or a text has fewer or more items than it may have.",
        "wrong_type": "A value is of another type than its field.",
    },
    why="Loading is strict, so that what was reviewed is what is in force.",
    remedy="The message names the field; `pkictl explain KIND.field` tells what it can hold.",
)

DURATION = explanations(
    "duration",
    {
        "calendar": "A duration is given in months or years.",
        "no_unit": "A duration has no unit.",
        "percentage": "This is not a percentage from 1% to 99%.",
        "syntax": "This is not a duration.",
        "too_long": "A duration is longer than 100 years.",
        "zero": "A duration is not longer than nothing.",
    },
    why="Months and years differ in length, and a bare number may be seconds or days.",
    remedy="Write it like 90d, 36h or P90D.",
)

TIMESTAMP = explanations(
    "timestamp",
    {
        "no_such_time": "There is no such day or time of day.",
        "no_zone": "A time does not say in which zone it is.",
        "out_of_range": "A time is outside the years that a certificate can have.",
        "syntax": "This is not a time.",
    },
    why="A time without a zone is another moment for every reader.",
    remedy='Write RFC 3339 with a zone, in quotes: "2027-01-31T00:00:00Z".',
)

PATH = explanations(
    "path",
    {
        "git_directory": "A path leads into the .git directory.",
        "invalid": "This is not a path of a file.",
        "not_found": "There is no such file.",
        "outside": "A path leads out of the repository.",
        "special": "A path names something that is no regular file.",
        "submodule": "A path names a submodule.",
        "symlink": "A path is, or goes through, a symbolic link.",
        "too_large": "A file is larger than is read.",
        "unreadable": (
            "A file or directory cannot be read.",
            "What cannot be read must not look as if it were not there.",
            "Check its permissions.",
        ),
    },
    why="Somebody who may edit a manifest must not be able to have other files of the machine "
    "read, and what is signed must be in the revision that was reviewed.",
    remedy="Name a regular file below the repository's root, by its real path.",
)

ATTACHMENTS = explanations(
    "adopt",
    {
        "bad_base64": "The base64 of the certificate is damaged.",
        "bad_serial_number": (
            "The serial number of a certificate is not a positive number of at most 20 octets.",
            "RFC 5280 section 4.1.2.2: it is what a certificate is revoked by.",
            "Have a new one signed instead.",
        ),
        "bad_signature": "The certificate has the name of the authority, and not its signature.",
        "duplicate": (
            "The certificate is known already.",
            "A serial number names one certificate of one issuer, which belongs to one manifest.",
            "Nothing, if the other manifest is right; else remove that one.",
        ),
        "expired": (
            "A certificate that is to be taken up has expired.",
            "Nobody accepts it any more.",
            "Leave it, or take it up for the record: import_cert --allow-expired.",
        ),
        "is_authority": (
            "The certificate is one of an authority.",
            "An authority has a manifest of its own kind, which says what it may sign.",
            "Take it up with `pkictl import_ca`.",
        ),
        "missing": "There is no file of that name beside the manifest.",
        "name_taken": (
            "There is another certificate of that name already.",
            "One name is one certificate; a second one would replace the first.",
            "Give it another name with --as.",
        ),
        "no_file": "A file that was named on the command line cannot be read.",
        "no_issuer": (
            "It is not known which authority signed a certificate that is to be taken up.",
            "It is verified with that authority's certificate.",
            "Name it with --ca, or under `spec.issuer`.",
        ),
        "not_pem_or_der": "The file is not a certificate in PEM or DER.",
        "old_version": (
            "The certificate is of X.509 version 1 or 2.",
            "It has no extensions, and so cannot say which names it is for or that it is no "
            "authority's.",
            "Have a new one signed instead.",
        ),
        "private_key": (
            "The file of a certificate holds a private key.",
            "Whoever can read the repository has the key.",
            "Take the key out, and make a new one.",
        ),
        "refused": (
            "Files that were to be taken up were refused, and nothing was written.",
            "Either all files of one command are taken up, or none.",
            "Leave out, or correct, what the other messages name.",
        ),
        "self_signed": (
            "The certificate signed itself.",
            "No authority says that it is what it claims to be.",
            "Have a new one signed instead.",
        ),
        "several_objects": "The file holds more than one object.",
        "too_large": "The file is too large for a certificate.",
        "trailing_data": "Something follows the certificate in its file.",
        "unreadable": "The certificate cannot be parsed.",
        "wrong_issuer": "The certificate names another issuer than the authority.",
        "wrong_key_identifier": "The certificate names another key of its issuer than the "
        "authority has.",
        "wrong_object": "The file holds something else than a certificate.",
    },
    why="A certificate that was made elsewhere is taken up only when it is certain that the "
    "authority signed it, and what it says.",
    remedy="Name the right authority and the right file: one certificate in PEM or DER.",
)

CODES: dict[str, Explanation] = {**YAML, **MANIFEST, **DURATION, **TIMESTAMP, **PATH, **ATTACHMENTS}
