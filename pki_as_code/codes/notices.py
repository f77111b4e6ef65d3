"""What keeps a notice from being sent."""

from __future__ import annotations

from pki_as_code.codes.base import explanations

CODES = {
    **explanations(
        "notify",
        {
            "bad_credentials": (
                "The login of the mail server is incomplete, or cannot be sent.",
                "User and password come from PKI_SMTP_USER and PKI_SMTP_PASSWORD, both in ASCII.",
                "Set both, or neither for a server without a login.",
            ),
            "bad_header": (
                "The header of a mail cannot be written.",
                "A line break in a name or an address would begin a header of its own.",
                "Correct the name or the address in the manifest.",
            ),
            "empty_secret": (
                "PKI_WEBHOOK_SECRET is set, and empty.",
                "A secret that is missing in CI must not turn signed requests into unsigned ones.",
                "Set it, or unset it where requests are not to be signed.",
            ),
            "failed": "A notice was not accepted by the other side.",
            "insecure_webhook": (
                "The URL of a webhook is not https.",
                "A notice names hosts and authorities, and its receiver must be the right one.",
                "Name it with https; plain http is for this machine only.",
            ),
            "login_refused": "The mail server refuses the login.",
            "no_jinja": (
                "The repository has templates, and Jinja2 is not installed.",
                "Without Jinja2 only the built-in text can be sent.",
                "Install the extra `notify`, or remove the templates.",
            ),
            "no_smtp": (
                "Somebody is to be told by mail, and no mail server is named.",
                "An address among watchers looks as if somebody were told.",
                "Give host, port and sender under `spec.notifications.smtp` of pki.yaml.",
            ),
            "not_offered": (
                "The mail server does not offer what is needed.",
                "Without STARTTLS a password and every mail would go in the clear.",
                "See `spec.notifications.smtp.security` and the port.",
            ),
            "password_in_the_clear": (
                "The password of the mail server would be sent in the clear.",
                "`security: none` is for a server on this machine.",
                "Set `security` to `starttls` or `tls`.",
            ),
            "refused": "The mail server does not take a mail, or refuses to work.",
            "template": (
                "A template of a mail cannot be used.",
                "A mail that is made half would be worse than one that comes later.",
                "Correct the line that the message names, and commit it.",
            ),
            "timeout": "There was no answer in time.",
            "tls_failed": "TLS with the mail server failed.",
            "unknown_scheme": "There is no channel for the URI of a recipient.",
            "unreachable": "The mail server or the webhook cannot be reached.",
            "untrusted_server": (
                "The certificate of the mail server or of the webhook is not trusted.",
                "Whoever answers in its place would get the password and every mail.",
                "Name the server as its certificate does; for a CA of your own, set SSL_CERT_FILE "
                "to its certificate.",
            ),
            "webhook_failed": "The webhook failed, several times.",
            "webhook_refused": "The webhook refuses, or sends elsewhere.",
        },
        why="What is not accepted is not recorded as told: it stays due, and the next run tries it "
        "again.",
        remedy="Correct what the message names, and run `pkictl notify_expiring_certs` again.",
    ),
    **explanations(
        "watchers",
        {"no_manifest": "The certificate has no manifest that could name watchers."},
        why="Watchers stand in the Certificate's manifest, under review like everything else.",
        remedy="Name the certificate in a Watcher manifest, or make a manifest for it.",
    ),
}
