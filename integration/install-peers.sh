#!/bin/sh
# Installs the other BGP implementations and the CNI plugins that the interoperation tests run
# as peers, and valgrind, which counts instructions. Debian 12, as root; safe to run again, and without root when nothing is missing.
# Nothing is started: the tests start every daemon themselves, inside a lab.
set -eu

bird1=${PEREGRINE_BIRD1:-/opt/peregrine-peers/bird1}
policy=/usr/sbin/policy-rc.d

missing() {
    for program in /usr/sbin/bird /usr/lib/frr/bgpd /usr/lib/frr/zebra /usr/bin/gobgpd /usr/sbin/bgpd \
        /usr/sbin/exabgp /usr/lib/cni/ptp /usr/lib/cni/bridge /usr/lib/cni/host-local \
        /usr/bin/unshare /usr/bin/setpriv /usr/bin/valgrind "$bird1/usr/sbin/bird" "$bird1/usr/sbin/bird6"; do
        [ -x "$program" ] || printf ' %s' "$program"
    done
    command -v ip >/dev/null || printf ' ip'
    command -v ping >/dev/null || printf ' ping'
}

lacks=$(missing)
if [ -z "$lacks" ]; then
    echo "peers are installed; BIRD 1.6 in $bird1"
    exit 0
fi
[ "$(id -u)" -eq 0 ] || { echo "error: install-peers: needs root to install:$lacks" >&2; exit 1; }
command -v apt-get >/dev/null || { echo "error: install-peers: needs apt-get (Debian 12)" >&2; exit 1; }

export DEBIAN_FRONTEND=noninteractive

# Packages start their services on installation unless this file says no.
placed=
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    placed=yes
fi
work=$(mktemp -d)
trap 'rm -rf "$work"; [ -z "$placed" ] || rm -f "$policy"' EXIT

apt-get update -qq
apt-get install -y -qq --no-install-recommends \
    bird2 frr gobgpd openbgpd exabgp containernetworking-plugins iproute2 iputils-ping util-linux \
    valgrind

# BIRD 1.6 cannot be installed beside BIRD 2: unpack it and run it from where it lies.
if [ ! -x "$bird1/usr/sbin/bird" ]; then
    # apt fetches as user _apt, which must be able to write here.
    chmod 755 "$work"
    ! id _apt >/dev/null 2>&1 || chown _apt "$work"
    (cd "$work" && apt-get download -qq bird)
    mkdir -p "$bird1"
    dpkg -x "$work"/bird_*.deb "$bird1"
fi

lacks=$(missing)
[ -z "$lacks" ] || { echo "error: install-peers: still missing:$lacks" >&2; exit 1; }
echo "peers installed; BIRD 1.6 in $bird1"
