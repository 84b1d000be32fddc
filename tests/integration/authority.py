# SPDX-License-Identifier: Apache-2.0
"""A private certificate authority, made with the openssl command."""

import pathlib

from util import run

CONFIG = """
[ca]
default_ca = private
[private]
database = {directory}/index
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
email_in_dn = no
[any]
commonName = supplied
"""


def _openssl(*words):
    done = run("openssl", *words)
    assert done.returncode == 0, done.stderr.decode()


class Authority:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.bundle = self.directory / "ca.pem"
        self._count = 0
        self.directory.joinpath("index").write_text("")
        self.directory.joinpath("ca.conf").write_text(CONFIG.format(directory=self.directory))
        self._make_key(self.directory / "ca.key")
        _openssl("req", "-x509", "-new", "-key", self.directory / "ca.key", "-days", "30", "-subj",
                 "/CN=Private Authority", "-out", self.bundle)

    @staticmethod
    def _make_key(path):
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)

    def certify(self, name="localhost", start="20200101000000Z", end="20990101000000Z"):
        """(certificate, key) as PEM files for a server of this name."""
        self._count += 1
        base = self.directory / f"server{self._count}"
        certificate, key, request = (base.with_suffix(suffix) for suffix in (".pem", ".key", ".csr"))
        self._make_key(key)
        _openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                 "-out", request)
        _openssl("ca", "-batch", "-notext", "-config", self.directory / "ca.conf", "-cert", self.bundle, "-keyfile",
                 self.directory / "ca.key", "-startdate", start, "-enddate", end, "-in", request, "-out", certificate)
        return str(certificate), str(key)
