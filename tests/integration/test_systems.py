# SPDX-License-Identifier: Apache-2.0
"""The secrets of five real systems, each read by path as its programs would."""

import json
import os

import pytest

import util

PAYMENT = {
    "payment-platform/encryption-key": {"INTEGRATION_ENCRYPTION_KEY": "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2},
    "payment-platform/database-url": "postgresql://payments:p%40ss-w0rd-1@db.internal:5432/payments?sslmode=require",
    "payment-platform/redis-url": "rediss://:r3dis-passw0rd@cache.internal:6379/0",
    "payment-platform/jwt-secret": "jwt+signing/secret=of-the-payment-platform",
    "payment-platform/auth0": {"AUTH0_DOMAIN": "payments.eu.auth0.example", "AUTH0_CLIENT_ID": "auth0-client-id-4711",
                               "AUTH0_CLIENT_SECRET": "auth0-client-secret-0815"},
}
TICKETS = {
    "service-ticket-system-dev-db-master-password": "m4ster-p4ssword-$with \"quotes\" and spaces",
    "service-ticket-system-dev-jwt-secret": "ticket-system-jwt-secret",
    "service-ticket-system-dev-app-config": {
        "REDIS_PASSWORD": "ticket-redis-password", "SMTP_PASSWORD": "ticket-smtp-password",
        "CLOUDFLARE_TOKEN": "ticket-cloudflare-token", "ENCRYPTION_KEY": "ticket-encryption-key",
        "WEBHOOK_SECRET": "ticket-webhook-secret", "API_KEY": "ticket-api-key-123456"},
}
COUNSELOR = {
    "prod/mychristiancounselor/database": {"DATABASE_URL": "postgres://counselor:db-passw0rd@prod-db/counselor"},
    "prod/mychristiancounselor/jwt": {"JWT_SECRET": "counselor-jwt-secret",
                                      "JWT_REFRESH_SECRET": "counselor-refresh-secret"},
    "prod/mychristiancounselor/openai": {"OPENAI_API_KEY": "sk-proj-counselor-openai"},
    "prod/mychristiancounselor/postmark": {"POSTMARK_API_TOKEN": "postmark-token-0001",
                                           "FROM_EMAIL": "no@reply.example"},
    "prod/mychristiancounselor/stripe": {"STRIPE_SECRET_KEY": "sk_live_counselor_1",
                                         "STRIPE_WEBHOOK_SECRET": "whsec_counselor_1"},
    "prod/mychristiancounselor/app": {"WEB_APP_URL": "https://counselor.example", "NODE_ENV": "production",
                                      "PORT": "3000"},
    "prod/mychristiancounselor/sentry": {"SENTRY_DSN": "https://sentry-key-0001@sentry.example/42"},
}
BCOS = {"bcos/staging/s3-public-credentials": {"S3_PUBLIC_ACCESS_KEY_ID": "AKIAPUBLICPUBLICPUBL",
                                               "S3_PUBLIC_SECRET_ACCESS_KEY": "s3/public+secret/access=key"}}
CREDLINK = {"credlink-prod-api-keys": {"apiKeys": "sk_live_credlink01:client:alpha,sk_live_credlink02:client:beta"}}
SYSTEMS = {"payment": PAYMENT, "tickets": TICKETS, "counselor": COUNSELOR, "bcos": BCOS, "credlink": CREDLINK}
ALL = {name: value for system in SYSTEMS.values() for name, value in system.items()}


def files(secrets):
    """{path: bytes}, as the tree shows these secrets."""
    found = {}
    for name, value in secrets.items():
        keys = value if isinstance(value, dict) else {"value": value}
        found.update({f"{name}/{key}": text.encode() for key, text in keys.items()})
        found[f"{name}/.raw"] = (json.dumps(value) if isinstance(value, dict) else value).encode()
    return found


def read_all(fs, mount, paths):
    return {path: fs.read(mount / path) for path in paths}


@pytest.fixture(scope="module")
def arns(moto):
    """The systems' secrets in moto: {name: ARN}."""
    return {name: moto.put(name, value) for name, value in ALL.items()}


@pytest.mark.parametrize("system", SYSTEMS)
def test_read_from_moto_by_those_who_may_only_read(moto, arns, show, fs, system):
    names = [option for name in SYSTEMS[system] for option in ("--secret", name)]
    mounted = show(moto.user("secretsmanager:GetSecretValue"), *names)
    expected = files(SYSTEMS[system])
    assert read_all(fs, mounted, expected) == expected
    assert fs.tree(mounted.path) == expected


def test_read_from_moto_with_listing(moto, arns, show, fs):
    mounted = show(moto.user("secretsmanager:GetSecretValue", "secretsmanager:ListSecrets"), "--secret",
                   "prod/mychristiancounselor/*", "--secret", "payment-platform/*")
    util.wait_until(lambda: mounted.status()["names"]["state"] == "complete")
    assert fs.list(mounted.path) == ["payment-platform", "prod"]
    assert fs.tree(mounted.path) == files({**COUNSELOR, **PAYMENT})


@pytest.mark.parametrize("system", SYSTEMS)
def test_read_under_a_policy_for_these_secrets_alone(fake, mount, fs, system):
    fake.put_many(ALL)
    fake.user("AKIASYSTEM", "the secret key of the system", allow={"GetSecretValue": list(SYSTEMS[system])})
    names = [option for name in SYSTEMS[system] for option in ("--secret", name)]
    mounted = mount(fake, *names, key="AKIASYSTEM")
    expected = files(SYSTEMS[system])
    assert fs.tree(mounted.path) == expected
    assert fake.count("GetSecretValue") == len(SYSTEMS[system])


@pytest.mark.parametrize("pattern", ["prod/mychristiancounselor/*", "prod/*/*"])
def test_names_found_on_lookup_under_a_prefix_policy(fake, mount, fs, pattern):
    fake.put_many(ALL)
    fake.user("AKIAPREFIX", "the secret key of the prefix", allow={"GetSecretValue": ["prod/mychristiancounselor/*"]})
    mounted = mount(fake, "--secret", pattern, key="AKIAPREFIX")
    expected = files(COUNSELOR)
    assert read_all(fs, mounted, expected) == expected
    assert fs.read_errno(mounted / "prod/mychristiancounselor/none/KEY") == "ENOENT"
    assert fs.read_errno(mounted / "payment-platform/jwt-secret/value") == "ENOENT"


def check_value_from(fs, mounted, arn):
    """As in an ECS task definition: "valueFrom": "ARN:JSON-KEY:STAGE:VERSION"."""
    for key, text in BCOS["bcos/staging/s3-public-credentials"].items():
        assert fs.read(mounted / "bcos/staging/s3-public-credentials" / key) == text.encode()
        assert fs.read(mounted / f"{arn}:{key}::") == text.encode()


def test_value_from(fake, mount, fs):
    fake.put_many(BCOS)
    check_value_from(fs, mount(fake), fake.arn("bcos/staging/s3-public-credentials"))


def test_value_from_with_moto(moto, arns, mount, fs):
    mounted = mount(moto.user("secretsmanager:GetSecretValue"), "--secret", "bcos/staging/*")
    check_value_from(fs, mounted, arns["bcos/staging/s3-public-credentials"])


def check_arn_in_environment(mounted, arn):
    done = util.run("sh", "-c", f'cat "{mounted.path}/$API_KEYS_SECRET_ARN/apiKeys"',
                    env={**os.environ, "API_KEYS_SECRET_ARN": arn})
    assert done.stdout == CREDLINK["credlink-prod-api-keys"]["apiKeys"].encode(), done.stderr


def test_arn_in_an_environment_variable(fake, mount):
    fake.put_many(CREDLINK)
    fake.user("AKIAARN", "the secret key for the ARN", allow={"GetSecretValue": ["credlink-prod-api-keys"]})
    check_arn_in_environment(mount(fake, key="AKIAARN"), fake.arn("credlink-prod-api-keys"))


def test_arn_in_an_environment_variable_with_moto(moto, arns, mount):
    mounted = mount(moto.user("secretsmanager:GetSecretValue"), "--secret", arns["credlink-prod-api-keys"])
    check_arn_in_environment(mounted, arns["credlink-prod-api-keys"])
