# SPDX-License-Identifier: Apache-2.0
"""Proxies: used for AWS as the environment says, and named, without their passwords, where they fail."""

import pytest

import util
from proxy import Proxy

SECRET = {"password": "the password of the database"}
PASSWORD = SECRET["password"].encode()
PATH = "prod/db/password"
PROXY_PASSWORD = "proxy-password-1"


@pytest.fixture
def proxy():
    server = Proxy().start()
    yield server
    server.stop()


@pytest.fixture
def strict_proxy():
    server = Proxy("user", PROXY_PASSWORD).start()
    yield server
    server.stop()


def fails(server, mount, fs, env, errno, *words):
    server.put("prod/db", SECRET)
    mounted = mount(server, "--secret", "prod/*", "--timeout", "2s", env=env)
    assert fs.read_errno(mounted / PATH) == errno
    line = mounted.wait_log('"prod/db"', server.url, *words)
    assert server.count() == 0
    assert "proxy-pass" not in mounted.log()
    return line


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_is_used(tls_fake, proxy, mount, fs, name):
    tls_fake.put("prod/db", SECRET)
    mounted = mount(tls_fake, "--secret", "prod/db", env={name: proxy.url})
    assert fs.read(mounted / PATH) == PASSWORD
    assert proxy.requests and set(proxy.requests) == {("CONNECT", f"localhost:{tls_fake.port}")}


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_a_proxy_for_http_is_not_used_for_https(tls_fake, proxy, mount, fs, name):
    tls_fake.put("prod/db", SECRET)
    assert fs.read(mount(tls_fake, env={name: proxy.url}) / PATH) == PASSWORD
    assert proxy.requests == []


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_a_proxy_for_http(fake, proxy, mount, fs, name):
    fake.put("prod/db", SECRET)
    assert fs.read(mount(fake, "--secret", "prod/db", env={name: proxy.url}) / PATH) == PASSWORD
    assert set(proxy.requests) == {("POST", fake.url + "/")}


@pytest.mark.parametrize("name,value", [("no_proxy", "localhost"), ("NO_PROXY", "localhost"),
                                        ("NO_PROXY", "example.com,localhost"), ("NO_PROXY", "*")])
def test_exceptions(tls_fake, proxy, mount, fs, name, value):
    tls_fake.put("prod/db", SECRET)
    mounted = mount(tls_fake, env={"HTTPS_PROXY": proxy.url, name: value})
    assert fs.read(mounted / PATH) == PASSWORD
    assert proxy.requests == []


def test_an_exception_for_another_host(tls_fake, proxy, mount, fs):
    tls_fake.put("prod/db", SECRET)
    mounted = mount(tls_fake, env={"HTTPS_PROXY": proxy.url, "NO_PROXY": "example.com"})
    assert fs.read(mounted / PATH) == PASSWORD
    assert proxy.requests


def test_a_proxy_with_a_password(tls_fake, strict_proxy, mount, fs):
    tls_fake.put("prod/db", SECRET)
    mounted = mount(tls_fake, env={"HTTPS_PROXY": strict_proxy.url})
    assert fs.read(mounted / PATH) == PASSWORD
    assert strict_proxy.requests
    assert PROXY_PASSWORD not in mounted.log()


@pytest.mark.parametrize("login", ["", "user:proxy-password-2@"])
def test_a_wrong_password(tls_fake, strict_proxy, mount, fs, login):
    env = {"HTTPS_PROXY": f"http://{login}127.0.0.1:{strict_proxy.port}"}
    fails(tls_fake, mount, fs, env, "ETIMEDOUT", "407", f"HTTPS_PROXY names the proxy 127.0.0.1:{strict_proxy.port}",
          "wants another user and password")


def test_a_proxy_that_refuses(tls_fake, proxy, mount, fs):
    proxy.refuse = True
    fails(tls_fake, mount, fs, {"HTTPS_PROXY": proxy.url}, "ETIMEDOUT", "403", "HTTPS_PROXY names the proxy")


@pytest.mark.parametrize("login", ["", "user:proxy-password@", "user:proxy-pass@word@", "user:proxy-pass/word@"])
def test_a_dead_proxy(tls_fake, mount, fs, login):
    port = util.free_port()
    env = {"HTTPS_PROXY": f"http://{login}127.0.0.1:{port}"}
    fails(tls_fake, mount, fs, env, "ETIMEDOUT", f"HTTPS_PROXY names the proxy 127.0.0.1:{port}")


@pytest.mark.parametrize("url", ["gopher://user:proxy-password@127.0.0.1:1", "http://user:proxy-password@[::1:1"])
def test_a_url_that_is_no_proxy(tls_fake, mount, fs, url):
    fails(tls_fake, mount, fs, {"HTTPS_PROXY": url}, "ETIMEDOUT", "HTTPS_PROXY names the proxy")


def test_a_certificate_is_checked_behind_a_proxy(tls_fake, proxy, mount, fs):
    tls_fake.put("prod/db", SECRET)
    mounted = mount(tls_fake, "--secret", "prod/*", env={"HTTPS_PROXY": proxy.url, "AWS_CA_BUNDLE": None})
    assert fs.read_errno(mounted / PATH) == "EIO"
    mounted.wait_log('"prod/db"', "no secure connection", "self-signed")
    assert tls_fake.count() == 0
