#!/bin/sh
# User data of an instance (Debian, Ubuntu): installs the package and starts a mount. The instance's profile has
# instance-role-policy.json.
set -eu
apt-get update
apt-get install -y /opt/secretsfs_0.1.0_amd64.deb
install -d -m 0755 /etc/secretsfs
install -m 0644 /dev/stdin /etc/secretsfs/prod.conf <<'END'
MOUNTPOINT=/secrets
OPTIONS=--secret prod/checkout/* --uid checkout --gid checkout
END
systemctl enable --now secretsfs@prod
