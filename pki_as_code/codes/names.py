"""Names, extensions, algorithms and keys in requests: what X.509 allows."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

_LOOKALIKE = (
    "Characters that cannot be seen, or turn the text around, make a name look like another one.",
    "Remove them.",
)

NAME = explanations(
    "name",
    {
        "ambiguous": (
            "What was typed fits several objects.",
            "A command never guesses between several certificates or authorities.",
            "Type more of the serial number, or the whole name: namespace/name.",
        ),
        "empty_value": "An attribute of a distinguished name has no value.",
        "hidden_character": ("A name has a character that cannot be seen.", *_LOOKALIKE),
        "invalid": "This is not a distinguished name.",
        "malformed": "A distinguished name in a certificate or CSR cannot be decoded.",
        "no_authority": (
            "No certification authority has that name.",
            "Authorities are found by name, serial number, or a unique prefix of it.",
            "`pkictl list_cas` lists them; `pkictl init_ca` makes one.",
        ),
        "not_issued": "An authority has a manifest, and no certificate yet.",
        "not_found": (
            "What was named does not exist, or the name fits several.",
            "A command never guesses what was meant.",
            "The message lists what comes near.",
        ),
        "repeated_attribute": "An attribute stands more than once in a distinguished name.",
        "unknown_attribute": "This is not an attribute of a distinguished name.",
        "unknown_form": "There is no such form of writing a name.",
        "value_alphabet": "A value has characters that its attribute cannot hold.",
        "value_length": "A value is longer or shorter than its attribute may be.",
    },
    why="RFC 5280 section 4.1.2.4 and appendix A.1 give the attributes, their alphabets and "
    "bounds; clients refuse names that break them.",
    remedy="Write it like C=AT,O=Example,CN=www.example.com, with a backslash before a comma in a "
    "value.",
)

GENERAL_NAME = explanations(
    "general_name",
    {
        "bad_dns_name": "This is not a DNS name.",
        "bad_email": "This is not an e-mail address.",
        "bad_idn": "An internationalised DNS name is not valid under IDNA 2008.",
        "bad_ip": "This is not an IP address.",
        "bad_oid": "This is not an object identifier.",
        "bad_other_name": "This is not an otherName.",
        "bad_uri": "This is not an absolute URI.",
        "bad_wildcard": (
            "A wildcard is not the whole left-most label of a DNS name.",
            "RFC 9525 section 6.3: clients match `*.example.com` and nothing fancier.",
            "Write `*.example.com`, or list the names.",
        ),
        "empty": "A name has no value.",
        "hidden_character": ("A name has a character that cannot be seen.", *_LOOKALIKE),
        "not_constrainable": (
            "Names of this type cannot be constrained.",
            "RFC 5280 section 4.2.1.10 defines constraints for some types only.",
            "Constrain DNS, IP, email, URI or dirName.",
        ),
        "too_long": "A name is longer than is read.",
    },
    why="RFC 5280 section 4.2.1.6 says what each type of alternative name may hold; clients "
    "compare them octet by octet.",
    remedy="Write www.example.com, IP:10.0.0.7, email:user@example.com, URI:https://example.com/ "
    "or dirName:C=AT,O=Example.",
)

EXTENSION = explanations(
    "extension",
    {
        "any_policy_mapped": "anyPolicy cannot be mapped to another policy.",
        "bad_der": "A value in base64 is not one value in DER.",
        "bad_period": "A period ends before it begins.",
        "bad_time": "This is not a time.",
        "criticality": "An extension has the criticality that its RFC forbids.",
        "crl_issuer": "The issuer of a CRL is not given by a directory name.",
        "derived": "An extension that follows from the request is given as well.",
        "duplicate": "The same thing is given twice in one extension.",
        "has_its_own_key": "A custom extension is one that has a name here.",
        "incomplete": "A value that an extension needs is missing.",
        "invalid": "The value of an extension is not what it can hold.",
        "key_usage": "A key usage has no meaning without another one.",
        "not_a_uri": "This is not a URI.",
        "unknown_purpose": "There is no such purpose of keys (extendedKeyUsage).",
    },
    why="RFC 5280 section 4.2 and the RFC of each extension say what it holds; a client that "
    "understands it in another way, or not at all, refuses or trusts wrongly.",
    remedy="Correct the value in the manifest or profile; `pkictl schema` shows its form.",
)

ALGORITHM = explanations(
    "algorithm",
    {
        "bad_parameters": "The parameters of a signature algorithm are not those of its RFC.",
        "broken_hash": "The hash is broken (MD5, SHA-1) and never used for a signature.",
        "hash_missing": "A signature with this type of key needs a hash.",
        "hash_not_allowed": "A key of this type signs the data itself and takes no hash.",
        "not_applicable": "A hash is asked for, and the issuer's key has no separate one.",
        "unknown": "The signature algorithm is not known.",
        "unknown_hash": "There is no such hash.",
    },
    why="What a signature is made with must be strong and what the clients expect for that key.",
    remedy="Use SHA-256, SHA-384 or SHA-512 with RSA and EC keys, and leave `algorithm` out with "
    "others.",
)

DER = explanations(
    "der",
    {
        "bad_oid": "This is not an object identifier.",
        "bad_time": "This time cannot be written in a certificate.",
        "not_strict": (
            "An encoding is not strict DER.",
            "X.690 gives each value one encoding. What can be written in two ways can be read in "
            "two ways, and signatures cover bytes.",
            "Make the CSR or certificate anew with a current tool.",
        ),
    },
    why="Certificates are encoded in DER (X.690).",
    remedy="Write identifiers like 1.3.6.1.4.1.311.20.2.3, and times with a zone and whole "
    "seconds.",
)

OTHERS = {
    **explanations(
        "serial_number",
        {"invalid": "This is not a serial number."},
        why="RFC 5280 section 4.1.2.2: 1 to 20 octets, written in hexadecimal.",
        remedy='Write it as `pkictl list_certs` does, in quotes in a manifest: "49:BC:F2".',
    ),
    **explanations(
        "uri",
        {"unknown_variable": "A URL template has a variable that does not exist."},
        why="The variables are replaced for each authority; an unknown one would end up in "
        "certificates as it is.",
        remedy="The message lists the variables.",
    ),
}

_WEAK = "Make a new key with a current tool: RSA with 3072 bits, or P-256."

KEY = explanations(
    "key",
    {
        "bad_parameters": "The parameters of the public key are not those of its RFC.",
        "bad_requirement": (
            "This is not a kind of keys that a profile can allow.",
            "`keys.allowed` of a Profile lists kinds of keys.",
            "Use one like RSA-3072+, P-256 or Ed25519.",
        ),
        "bad_spec": (
            "There is no such combination of key type, size and curve.",
            "RSA has a size, EC a curve, the others neither.",
            "Correct `spec.key` of the authority.",
        ),
        "compressed_point": "The public key is a compressed point.",
        "explicit_curve": (
            "The public key spells out its curve instead of naming it.",
            "With a curve of one's own, a key can be forged that passes for another's "
            "(CVE-2020-0601). RFC 5480 section 2.1.1 allows named curves only.",
            _WEAK,
        ),
        "malformed": "The public key cannot be decoded.",
        "not_canonical": "The encoding of the public key is not the canonical one.",
        "point_not_on_curve": "The public key is no point of its curve.",
        "roca": "The RSA key was made by a library whose keys can be factored (CVE-2017-15361).",
        "rsa_bad_exponent": "The public exponent of the RSA key is even, too small or too large.",
        "rsa_close_primes": "The primes of the RSA key are so close that it can be factored.",
        "rsa_modulus_prime": "The modulus of the RSA key is itself a prime.",
        "rsa_modulus_square": "The modulus of the RSA key is a square.",
        "rsa_odd_size": "The size of the RSA key is not a multiple of 8.",
        "rsa_small_exponent": "The public exponent of the RSA key is smaller than the usual 65537.",
        "rsa_small_factor": "The modulus of the RSA key has a small factor.",
        "rsa_too_large": "The RSA key is larger than any client needs, and slow for all.",
        "rsa_too_small": "The RSA key is smaller than 2048 bits and can be broken.",
        "small_order": "The public key is a point for which anybody can make signatures.",
        "unsupported_curve": "The curve of the key is not one that is signed here.",
        "wrong_size": "The public key has not the length that its type has.",
    },
    why="A certificate vouches for a key. RFC 3279, 5480, 8410 and 9881 say how keys are encoded, "
    "the Baseline Requirements (section 6.1) which are too weak.",
    remedy=_WEAK,
)

CODES: dict[str, Explanation] = {
    **NAME,
    **GENERAL_NAME,
    **EXTENSION,
    **ALGORITHM,
    **DER,
    **OTHERS,
    **KEY,
}
