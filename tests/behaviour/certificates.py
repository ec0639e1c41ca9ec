# SPDX-License-Identifier: MIT
"""A throw-away certificate authority and the certificate that all test servers show, made by openssl in some 50 ms."""

import collections
import subprocess

Certificates = collections.namedtuple("Certificates", "authority certificate key")
Certificates.__doc__ = "Paths of PEM files: whom clients have to trust, what servers show, and its key."

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


def make(directory, names):
    """Makes them in the directory (a Path); the certificate is for these DNS names."""
    made = Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    authority_key = directory / "ca.key"
    subject = ",".join(f"DNS:{name}" for name in names)
    _openssl("req", "-x509", *NEW_KEY, "-subj", "/CN=Test CA", "-addext", "keyUsage=critical,keyCertSign",
             "-keyout", authority_key, "-out", made.authority)
    _openssl("req", "-x509", *NEW_KEY, "-subj", "/CN=Test server", "-CA", made.authority, "-CAkey", authority_key,
             "-addext", f"subjectAltName={subject}", "-addext", "basicConstraints=critical,CA:FALSE",
             "-keyout", made.key, "-out", made.certificate)
    made.key.chmod(0o600)
    return made


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments}: {done.stderr}")
