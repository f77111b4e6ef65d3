"""
A django-ca of its own below the current directory, run by the Python that it is installed for.

    python -I django_ca_site.py init KEY_TYPE [KEY_SIZE]     a new database, and an authority in it
    python -I django_ca_site.py issue COUNT                  certificates for that many of requests/
"""

from __future__ import annotations

import sys
from pathlib import Path
from secrets import token_hex

import django
from django.conf import settings

HERE = Path.cwd()
FILES = "django.core.files.storage.FileSystemStorage"

urlpatterns: list[object] = []


def set_up() -> None:
    settings.configure(
        SECRET_KEY=token_hex(), USE_TZ=True, ROOT_URLCONF="__main__",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes",
                        "django_object_actions", "django_ca"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / "ca.db"}},
        STORAGES={"default": {"BACKEND": FILES},
                  "django-ca": {"BACKEND": FILES, "OPTIONS": {"location": HERE / "files"}}},
        CA_USE_CELERY=False,
    )  # fmt: skip
    django.setup()
    from django.urls import include, path

    urlpatterns.append(path("django_ca/", include("django_ca.urls")))


def init(key_type: str, size: str = "") -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    options = {"key_size": int(size)} if size else {}
    call_command("init_ca", "ca", "CN=ca", key_type=key_type, **options)


def issue(count: str) -> None:
    """One by one, each in a transaction of its own, as its commands and its API do."""
    from cryptography import x509
    from django_ca.models import Certificate, CertificateAuthority

    authority = CertificateAuthority.objects.get()
    # What its own commands do: nothing is given, and the password is looked up in the settings.
    options = authority.key_backend.get_use_private_key_options(authority, {})
    for number in range(int(count)):
        csr = x509.load_pem_x509_csr((HERE / f"requests/{number}.csr").read_bytes())
        Certificate.objects.create_cert(authority, options, csr, subject=csr.subject)


if __name__ == "__main__":
    set_up()
    {"init": init, "issue": issue}[sys.argv[1]](*sys.argv[2:])
