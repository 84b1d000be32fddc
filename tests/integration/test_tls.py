# SPDX-License-Identifier: Apache-2.0
"""TLS as networks with authorities of their own have it: what is accepted, what is refused, and what is said then."""

import ssl

import pytest

import util
from authority import Authority
from server import FakeServer

SECRET = {"password": "the password of the database"}
PASSWORD = SECRET["password"].encode()
PATH = "prod/db/password"
LENIENT = """
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
"""
CA_REMEDY = "its CA must be among the CA certificates (AWS_CA_BUNDLE"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def serve():
    """serve(certificate): a fake Secrets Manager that uses it and has prod/db."""
    servers = []

    def start(certificate):
        server = FakeServer(certificate=certificate).start()
        servers.append(server)
        server.put("prod/db", SECRET)
        return server
    yield start
    for server in servers:
        server.stop()


def refused(server, mount, fs, bundle, *words, url=None, **env):
    env = {"AWS_CA_BUNDLE": bundle and str(bundle), "AWS_ENDPOINT_URL": url or server.url, **env}
    mounted = mount(server, "--secret", "prod/*", "--timeout", "3s", env=env)
    assert fs.read_errno(mounted / PATH) == "EIO"
    mounted.wait_log('"prod/db"', url or server.url, "no secure connection", *words)
    assert server.count() == 0


def test_a_private_authority(authority, serve, mount, fs):
    server = serve(authority.certify())
    assert fs.read(mount(server, env={"AWS_CA_BUNDLE": str(authority.bundle)}) / PATH) == PASSWORD


def test_a_private_authority_in_the_profile(authority, serve, mount, fs, place):
    server = serve(authority.certify())
    config = place.home / "config"
    config.write_text(f"[default]\nca_bundle = {authority.bundle}\n")
    mounted = mount(server, env={"AWS_CA_BUNDLE": None, "AWS_CONFIG_FILE": str(config)})
    assert fs.read(mounted / PATH) == PASSWORD


def test_a_private_authority_that_nobody_has_named(authority, serve, mount, fs):
    refused(serve(authority.certify()), mount, fs, None, "certificate", CA_REMEDY)


def test_another_authority(authority, serve, mount, fs, tmp_path):
    refused(serve(authority.certify()), mount, fs, Authority(tmp_path).bundle, "certificate", CA_REMEDY)


def test_a_certificate_for_another_name(authority, serve, mount, fs):
    refused(serve(authority.certify(name="elsewhere.example")), mount, fs, authority.bundle,
            "the certificate is for another name")


def test_a_certificate_for_a_name_and_not_its_address(authority, serve, mount, fs):
    server = serve(authority.certify())
    refused(server, mount, fs, authority.bundle, "the certificate is for another name",
            url=f"https://127.0.0.1:{server.port}")


@pytest.mark.parametrize("start,end,word", [("20200101000000Z", "20200102000000Z", "expired"),
                                            ("20980101000000Z", "20990101000000Z", "not yet valid")])
def test_a_certificate_out_of_its_time(authority, serve, mount, fs, start, end, word):
    refused(serve(authority.certify(start=start, end=end)), mount, fs, authority.bundle, word, "check the clock")


def test_a_certificate_that_signs_itself(certificate, serve, mount, fs):
    refused(serve(certificate), mount, fs, None, "self-signed", CA_REMEDY)


def test_a_bundle_without_certificates(authority, serve, mount, fs, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    refused(serve(authority.certify()), mount, fs, empty, "check the file of CA certificates")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_tls_before_1_2(authority, serve, mount, fs, tmp_path):
    server = serve(authority.certify())
    server.context.set_ciphers("DEFAULT@SECLEVEL=0")
    server.context.minimum_version = server.context.maximum_version = ssl.TLSVersion.TLSv1_1
    curl = util.run("curl", "-sSo", "/dev/null", "-w", "%{http_code}", "--cacert", authority.bundle, "--tlsv1.1",
                    "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", server.url + "/")
    assert curl.returncode == 0, f"the server does not speak TLS 1.1: {curl.stderr.decode()}"
    server.reset_counts()
    lenient = tmp_path / "openssl.conf"  # OpenSSL itself would take it
    lenient.write_text(LENIENT)
    refused(server, mount, fs, authority.bundle, "the server must offer TLS 1.2 or newer", OPENSSL_CONF=str(lenient))


def test_tls_1_2(authority, serve, mount, fs):
    server = serve(authority.certify())
    server.context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert fs.read(mount(server, env={"AWS_CA_BUNDLE": str(authority.bundle)}) / PATH) == PASSWORD
